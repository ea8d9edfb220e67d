"""Where settings come from, which source wins, and what is said about wrong ones."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from accredit.errors import SettingsError
from accredit.settings import Settings, load


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(tmp_path: Path, text: str, name: str = "settings.toml") -> Path:
    file = tmp_path / name
    file.write_text(text)
    return file


def faults_of(
    file: Path | None = None,
    overrides: dict[str, object] | None = None,
    environ: dict[str, str] | None = None,
) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(file, overrides or {}, environ or {})
    return [str(fault) for fault in caught.value.faults]


def test_without_any_source_the_defaults_hold() -> None:
    settings = load(None, {}, {"PATH": "/bin", "ACCREDITED": "1"})
    assert settings == Settings()
    assert settings.listen.check.address == "127.0.0.1:9191"
    assert settings.limits.token_bytes == 16_384
    assert settings.time.clock_skew_s == 30
    assert settings.insecure.loopback_http is False


def test_flag_beats_variable_beats_file_beats_default(tmp_path: Path) -> None:
    file = write(tmp_path, '[catalogue]\ndir = "/file"\n[limits]\ntoken_bytes = 2000\n')
    environ = {"ACCREDIT_CATALOGUE__DIR": "/variable"}
    assert load(file, {}, {}).catalogue.dir == Path("/file")
    assert load(file, {}, environ).catalogue.dir == Path("/variable")
    flags = {"catalogue.dir": Path("/flag"), "listen.check": None}
    settings = load(file, flags, environ)
    assert settings.catalogue.dir == Path("/flag")
    assert settings.limits.token_bytes == 2_000
    assert settings.limits.request_bytes == 1_048_576


def test_the_file_is_the_flags_then_the_variables_then_the_one_that_is_there(
    tmp_path: Path,
) -> None:
    flag = write(tmp_path, "[limits]\ntoken_bytes = 2001\n", "flag.toml")
    variable = write(tmp_path, "[limits]\ntoken_bytes = 2002\n", "variable.toml")
    write(tmp_path, "[limits]\ntoken_bytes = 2003\n", "accredit.toml")
    environ = {"ACCREDIT_SETTINGS": str(variable)}
    assert load(flag, {}, environ).limits.token_bytes == 2_001
    assert load(None, {}, environ).limits.token_bytes == 2_002
    assert load(None, {}, {}).limits.token_bytes == 2_003


@pytest.mark.parametrize(
    "sources",
    [
        ('listen.check = "127.0.0.1:7"', {}, {}),
        ('[listen.check]\naddress = "127.0.0.1:7"', {}, {}),
        ("", {"ACCREDIT_LISTEN__CHECK": "127.0.0.1:7"}, {}),
        ("", {"ACCREDIT_LISTEN__CHECK__ADDRESS": "127.0.0.1:7"}, {}),
        ("", {"ACCREDIT_LISTEN__CHECK": '{address = "127.0.0.1:7"}'}, {}),
        ("", {}, {"listen.check": "127.0.0.1:7"}),
    ],
)
def test_a_listener_is_a_text_or_a_table(
    tmp_path: Path, sources: tuple[str, dict[str, str], dict[str, object]]
) -> None:
    text, environ, flags = sources
    file = write(tmp_path, text or "listen.check.worker_threads = 3\n")
    settings = load(file, flags, environ)
    assert settings.listen.check.address == "127.0.0.1:7"
    if not text:
        assert settings.listen.check.worker_threads == 3


def test_variables_are_read_as_the_type_of_their_key() -> None:
    settings = load(
        None,
        {},
        {
            "ACCREDIT_INSECURE__LOOPBACK_HTTP": "true",
            "ACCREDIT_LIMITS__TOKEN_BYTES": "4_096",
            "ACCREDIT_LOG__LEVEL": "debug",
            "ACCREDIT_CATALOGUE__DIR": "42",
            "ACCREDIT_TRUST__CA_FILE": "/etc/ca.pem",
            "ACCREDIT_SELECTORS__ROUTE_METADATA": '{namespace = "n", key = "k"}',
            "ACCREDIT_VECTORS": "/anything",
        },
    )
    assert settings.insecure.loopback_http is True
    assert settings.limits.token_bytes == 4_096
    assert settings.log.level == "debug"
    assert settings.catalogue.dir == Path("42")
    assert settings.trust.ca_file == Path("/etc/ca.pem")
    assert settings.selectors.route_metadata is not None
    assert settings.selectors.route_metadata.key == "k"
    both = {
        "ACCREDIT_SELECTORS__ROUTE_METADATA__NAMESPACE": "n",
        "ACCREDIT_SELECTORS__ROUTE_METADATA__KEY": "true",
    }
    route_metadata = load(None, {}, both).selectors.route_metadata
    assert route_metadata is not None
    assert (route_metadata.namespace, route_metadata.key) == ("n", "true")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[limits]\ntoken_byte = 1", "limits.token_byte: unknown key; did you mean `token_bytes`?"),
        ("[limit]\ntoken_bytes = 1", "limit: unknown key; did you mean `limits`?"),
        ("[log]\nzzz = 1", "log.zzz: unknown key; remove it; docs/settings.md lists the keys"),
        ("[limits]\ntoken_bytes = 1023", "limits.token_bytes: `1023` is out of bounds; use a whole number from 1024 to 65536"),
        ("[limits]\ntoken_bytes = 65537", "limits.token_bytes: `65537` is out of bounds; use a whole number from 1024 to 65536"),
        ("[limits]\ntoken_bytes = '9999'", "limits.token_bytes: `9999` is not a whole number; use one from 1024 to 65536"),
        ("[limits]\ntoken_bytes = 9999.0", "limits.token_bytes: `9999.0` is not a whole number; use one from 1024 to 65536"),
        ("[limits]\ntoken_bytes = true", "limits.token_bytes: `true` is not a whole number; use one from 1024 to 65536"),
        ("limits = 3", "limits: `3` is not a table; write [limits] and its keys"),
        ("[time]\nclock_skew_s = 301", "time.clock_skew_s: `301` is out of bounds; use a whole number from 0 to 300"),
        ("[log]\nlevel = 'loud'", "log.level: `loud` is not one of the choices; use 'debug', 'info', 'warning' or 'error'"),
        ("[log]\ndecisions = 'none'", "log.decisions: `none` is not one of the choices; use 'all' or 'denials'"),
        ("[insecure]\nloopback_http = 'yes'", "insecure.loopback_http: `yes` is not a boolean; use true or false, without quotes"),
        ("[insecure]\nloopback_http = 1", "insecure.loopback_http: `1` is not a boolean; use true or false, without quotes"),
        ("[catalogue]\ndir = 3", "catalogue.dir: `3` is not a string; put it in quotes"),
        ("[trust]\nrefresh_min_s = 10\nrefresh_max_s = 5", "trust: `refresh_min_s` must be at most `refresh_max_s`; lower the one or raise the other"),
        ("[limits]\ntransport_message_bytes = 100000000\nreceiving_bytes = 20000000", "limits: `receiving_bytes` must be at least `transport_message_bytes`; raise it"),
        ("[limits]\ntransport_message_bytes = 1048576", "limits.transport_message_bytes: `1048576` is out of bounds; use a whole number from 16777216 to 268435456"),
        ("[selectors]\nroute_metadata = {namespace = 'n'}", "selectors.route_metadata.key: is missing; give it a value"),
        ("[listen]\nhttp = 'localhost:9193'", "listen.http.address: `localhost:9193` names no IP address; write one such as 127.0.0.1, since a name can change"),
        ("[listen]\nhttp = '127.0.0.1:9192'", "listen: two listeners have one address; give each its own"),
        ("[listen]\nservices = '192.168.1.1:9192'", "listen.services.address: `192.168.1.1:9192` is open to other hosts, and there is no TLS yet; use 127.0.0.1, [::1] or unix:PATH"),
        ("[listen.check]\ntransport = 'http'", "listen.check.transport: `http` is not one of the choices; use 'tonic' or 'grpcio'"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named_with_file_key_and_remedy(
    tmp_path: Path, text: str, expected: str
) -> None:
    file = write(tmp_path, text)
    assert faults_of(file) == [f"{file}: {expected}"]


@pytest.mark.parametrize("name", [
    "ACCREDIT_FOO", "ACCREDIT_LIMITS", "ACCREDIT_LIMITS_TOKEN_BYTES", "ACCREDIT_LIMITS__TOKENBYTES",
    "ACCREDIT_limits__token_bytes", "ACCREDIT_", "ACCREDIT_SETTINGS__X", "ACCREDIT_LIMITS____X",
])  # fmt: skip
def test_any_other_variable_under_the_prefix_is_an_error(name: str) -> None:
    (fault,) = faults_of(environ={name: "4096"})
    assert fault.startswith(f"{name}: is no setting; variables are named ACCREDIT_<SECTION>__<KEY>")


def test_a_misspelt_variable_is_told_the_right_one_and_never_its_value() -> None:
    (fault,) = faults_of(environ={"ACCREDIT_LIMIT__TOKEN_BYTES": "hunter2"})
    assert fault.endswith("did you mean ACCREDIT_LIMITS__TOKEN_BYTES?")
    assert "hunter2" not in fault


@pytest.mark.parametrize("name", ["ACCREDIT_X", "ACCREDIT_LISTEN"])
def test_a_variable_like_no_other_is_told_none(name: str) -> None:
    (fault,) = faults_of(environ={name: "4096"})
    assert fault.endswith("<KEY>; remove it, or see docs/settings.md")


def test_everything_wrong_is_reported_at_once(tmp_path: Path) -> None:
    file = write(tmp_path, "[limits]\ntoken_bytes = 1\n[nonsense]\n[trust]\nconnect_s = 9\n")
    faults = faults_of(
        file,
        {"listen.check": "0.0.0.0:9191"},
        {"ACCREDIT_LOG__LEVEL": "x", "ACCREDIT_INSECURE__LOOPBACK_HTTP": "true", "ACCREDIT_X": ""},
    )
    starts = sorted(fault.rsplit(": ", 1)[0] for fault in faults)
    assert starts == sorted([
        "ACCREDIT_X",
        "command line: listen.check.address",
        "ACCREDIT_LOG__LEVEL: log.level",
        f"{file}: limits.token_bytes",
        f"{file}: nonsense",
        f"{file}: trust",
        "ACCREDIT_INSECURE__LOOPBACK_HTTP: insecure.loopback_http",
    ])  # fmt: skip


def test_insecure_settings_and_an_open_check_listener_exclude_each_other() -> None:
    faults = faults_of(
        None, {"listen.check": "0.0.0.0:9191"}, {"ACCREDIT_INSECURE__LOOPBACK_HTTP": "true"}
    )
    assert any(
        "cannot be used while `listen.check` is open to other hosts" in one for one in faults
    )
    faults = faults_of(None, {"listen.check": "0.0.0.0:9191"})
    assert not any("insecure" in one for one in faults)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda path: None, "cannot be read: No such file or directory"),
        (lambda path: path.mkdir(), "cannot be read: Is a directory"),
        (lambda path: path.write_bytes(b"\xff"), "is not UTF-8"),
        (lambda path: path.write_text("[limits"), "is not TOML: "),
        (lambda path: path.write_text("a = 1\na = 2"), "is not TOML: "),
        (lambda path: path.write_text("#" * 2_000_000), "the file has more than 1048576 bytes"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_fault(
    tmp_path: Path, make: Callable[[Path], object], expected: str
) -> None:
    file = tmp_path / "x.toml"
    make(file)
    (fault,) = faults_of(file)
    assert fault.startswith(f"{file}: {expected}")


def test_a_named_file_that_is_missing_is_never_passed_over(tmp_path: Path) -> None:
    write(tmp_path, "", "accredit.toml")
    assert len(faults_of(tmp_path / "missing.toml")) == 1
    assert len(faults_of(environ={"ACCREDIT_SETTINGS": "missing.toml"})) == 1


def test_settings_are_frozen() -> None:
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.limits.token_bytes = 1  # type: ignore[misc]


def test_the_core_gets_what_is_set() -> None:
    flags = {"log.decisions": "denials", "listen.check": "[::1]:0", "time.clock_skew_s": 5}
    settings = load(None, flags, {})
    assert json.loads(settings.engine_json()) == {
        "clock_skew_s": 5,
        "record_allows": False,
        "record_capacity": 65_536,
        "refresh_hold_s": 30,
        "request_bytes": 1_048_576,
        "selectors": {
            "context_extension": True,
            "destination_principal": False,
            "route_metadata": None,
        },
        "token_bytes": 16_384,
    }
    door = json.loads(settings.door_json())
    assert door["address"] == "[::1]:0"
    assert door["need_wait_ms"] == 150
    assert door["transport_message_bytes"] == 16_777_216


# The machine's load is no matter of the property.
@hypothesis_settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    st.dictionaries(
        st.sampled_from(["limits", "listen", "log", "x"]),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.text("127.0:[]{}x\0", max_size=9)
            | st.floats(),
            lambda inner: (
                st.lists(inner, max_size=2)
                | st.dictionaries(st.sampled_from(["check", "token_bytes", "level", "a"]), inner)
            ),
            max_leaves=6,
        ),
    )
)
def test_no_input_ends_in_anything_but_a_settings_error(values: dict[str, object]) -> None:
    try:
        load(None, values, {})
    except SettingsError as error:
        assert error.faults
