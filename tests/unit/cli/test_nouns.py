"""`accredit catalogue`, `keys`, `envoy`, `reasons` and `dev mint`."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from accredit.catalogue.migrate import migrate
from accredit.cli import migrate as migrate_command
from accredit.dev.issuer import DevIssuer
from accredit.engine import reasons
from tests.conftest import ROOT, free_port
from tests.unit.cli.conftest import ISSUER, ORDERS, Bench, Run, document, resource

EXAMPLES = ROOT / "examples/catalogue"


class TestCatalogue:
    """Commands that work on a catalogue."""

    def test_lint_finds_nothing_to_warn_of_in_the_examples(self, run: Run) -> None:
        ran = run("catalogue", "lint", EXAMPLES)
        assert ran.code == 0
        assert "0 warnings" in ran.out

    def test_lint_exits_1_on_a_warning(self, run: Run, bench: Bench) -> None:
        bench.write(document(bench.key, resource(owner=None)) | {})
        made = document(bench.key)
        del made["resources"][0]["owner"]
        bench.write(made)
        ran = run("catalogue", "lint", bench.folder)
        assert ran.code == 1
        assert "owner_missing" in ran.out
        found = run("catalogue", "lint", bench.folder, "--json").json
        assert found["ok"] is False
        assert "owner_missing" in {finding["code"] for finding in found["findings"]}

    def test_lint_judges_dates_by_the_fixed_clock(self, run: Run, bench: Bench) -> None:
        report = {"mode": "report", "report_since": "2027-01-01", "report_until": "2027-02-01"}
        bench.write(document(bench.key, resource(**report)))
        lint = ("catalogue", "lint", bench.folder, "--now")
        assert "report_running" in run(*lint, "2027-01-10").out
        assert "report_ended" in run(*lint, "2027-03-01").out

    def test_show_prints_what_is_decided_from(self, run: Run, bench: Bench) -> None:
        ran = run("catalogue", "show", bench.folder)
        assert ran.code == 0
        for text in (ISSUER, ORDERS, "/orders/**", "orders:read", "owner orders-team"):
            assert text in ran.out
        shown = run("catalogue", "show", bench.folder, "--json").json
        assert shown["compiled"]["format"] == "accredit-compiled/1"
        assert len(shown["catalogue_digest"]) == 64

    def test_the_cases_of_the_examples_pass(self, run: Run) -> None:
        ran = run("catalogue", "test", EXAMPLES / "cases.yaml")
        assert (ran.code, ran.err) == (0, "")
        assert "15 of 15 cases passed" in ran.out

    def test_a_failed_case_exits_1(self, run: Run, bench: Bench) -> None:
        bench.write(
            {
                "accredit": "cases/1",
                "now": "2027-01-15",
                "cases": [
                    {
                        "case": "nobody gets in",
                        "request": {"method": "GET", "host": "api.example", "path": "/orders/1"},
                        "expect": {"decision": "allow", "reason": "ok"},
                    }
                ],
            },
            "cases.yaml",
        )
        ran = run("catalogue", "test", bench.folder)
        assert ran.code == 1
        assert "failed" in ran.out
        assert "deny credential_missing" in ran.out
        results = run("catalogue", "test", bench.folder, "--json").json
        assert results["ok"] is False
        assert results["results"][0]["passed"] is False

    def test_diff_exits_1_where_something_becomes_looser(
        self, run: Run, bench: Bench, tmp_path: Path
    ) -> None:
        tight, loose = tmp_path / "tight.yaml", tmp_path / "loose.yaml"
        tight.write_text(json.dumps(document(bench.key, resource())))
        loose.write_text(json.dumps(document(bench.key, resource(audience={"mode": "any"}))))
        assert run("catalogue", "diff", tight, tight).out == "no decision changes\n"
        ran = run("catalogue", "diff", tight, loose)
        assert ran.code == 1
        assert "looser" in ran.out
        assert run("catalogue", "diff", loose, tight, "--json").json["looser"] is False

    def test_migrate_leaves_current_documents_alone(self, run: Run, bench: Bench) -> None:
        before = (bench.folder / "catalogue.yaml").read_bytes()
        ran = run("catalogue", "migrate", bench.folder, "--write")
        assert ran.code == 0
        assert "is current" in ran.out
        assert (bench.folder / "catalogue.yaml").read_bytes() == before

    def test_migrate_names_older_documents_and_writes_them_when_told(
        self, run: Run, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def _from_zero(old: dict[str, Any]) -> dict[str, Any]:
            return {**old, "accredit": "catalogue/1"}

        steps = {"catalogue/0": _from_zero}
        monkeypatch.setattr(migrate_command, "migrate", partial(migrate, steps=steps))
        current = document(bench.key, resource(registration="off"), resource("invoices"))
        file = bench.write({**current, "accredit": "catalogue/0"})
        before = file.read_bytes()
        ran = run("catalogue", "migrate", bench.folder)
        assert ran.code == 0
        assert "catalogue/0 -> catalogue/1" in ran.out
        assert "--write" in ran.err
        assert file.read_bytes() == before
        done = run("catalogue", "migrate", bench.folder, "--write", "--json").json
        assert done["written"] is True
        assert done["files"][0]["came_through"] == ["catalogue/0"]
        bench.write(current, "elsewhere.yml").rename(bench.folder.parent / "current.yaml")
        same = run("catalogue", "diff", bench.folder.parent / "current.yaml", file)
        assert (same.code, same.out) == (0, "no decision changes\n")

    def test_an_unknown_format_is_refused(self, run: Run, bench: Bench) -> None:
        bench.write({"accredit": "catalogue/99"})
        ran = run("catalogue", "migrate", bench.folder)
        assert ran.code == 3
        assert "catalogue/99" in ran.err

    def test_the_schema_is_the_published_one(self, run: Run) -> None:
        ran = run("catalogue", "schema")
        assert ran.out == (ROOT / "docs/catalogue.schema.json").read_text()


class TestKeys:
    """`accredit keys show`."""

    def test_inline_keys_with_what_was_skipped(self, run: Run, bench: Bench) -> None:
        made = document(bench.key)
        made["issuers"][0]["keys"]["inline"]["keys"].append({"kty": "XYZ", "kid": "odd"})
        bench.write(made)
        ran = run("keys", "show", ISSUER, "--catalogue", bench.folder)
        assert ran.code == 0
        assert bench.key.thumbprint() in ran.out
        assert "skipped odd" in ran.out
        shown = run("keys", "show", ISSUER, "--catalogue", bench.folder, "--json").json
        assert shown["source"] == "inline"
        assert [key["kid"] for key in shown["keys"]] == ["k1"]

    def test_a_refused_set_exits_3_without_its_material(self, run: Run, bench: Bench) -> None:
        made = document(bench.key)
        secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQ"
        made["issuers"][0]["keys"]["inline"]["keys"].append({"kty": "oct", "kid": "s", "k": secret})
        bench.write(made)
        ran = run("keys", "show", ISSUER, "--catalogue", bench.folder)
        assert ran.code == 3
        assert "refused" in ran.err
        assert secret not in ran.err

    def test_an_issuer_that_is_not_there_exits_4(
        self, run: Run, bench: Bench, tmp_path: Path
    ) -> None:
        issuer = f"http://127.0.0.1:{free_port()}"
        made: dict[str, Any] = document(bench.key, resource(issuers=[issuer]))
        made["issuers"] = [{"issuer": issuer, "keys": {"discovery": "oauth"}}]
        bench.write(made)
        settings = tmp_path / "accredit.toml"
        settings.write_text("[insecure]\nloopback_http = true\n")
        ran = run("keys", "show", issuer, "--catalogue", bench.folder, "--settings", settings)
        assert ran.code == 4
        assert issuer in ran.err

    def test_a_key_file_that_is_not_there_exits_2(self, run: Run, bench: Bench) -> None:
        made = document(bench.key)
        made["issuers"][0]["keys"] = {"file": "nowhere.json"}
        bench.write(made)
        ran = run("keys", "show", ISSUER, "--catalogue", bench.folder)
        assert ran.code == 2
        assert "key file" in ran.err

    def test_an_unknown_issuer_exits_2_and_names_the_known(self, run: Run, bench: Bench) -> None:
        ran = run("keys", "show", "https://nobody.example", "--catalogue", bench.folder)
        assert ran.code == 2
        assert ISSUER in ran.err


class TestEnvoy:
    """`accredit envoy lint`."""

    SHIPPED = ROOT / "deploy/envoy/envoy.yaml"

    def test_the_shipped_file_is_safe(self, run: Run) -> None:
        ran = run("envoy", "lint", self.SHIPPED, "--json")
        assert ran.code == 0
        assert ran.json == {"ok": True, "findings": []}

    def test_an_unsafe_setting_exits_1_with_its_remedy(self, run: Run, tmp_path: Path) -> None:
        unsafe = tmp_path / "envoy.yaml"
        text = self.SHIPPED.read_text()
        assert "failure_mode_allow: false" in text
        unsafe.write_text(text.replace("failure_mode_allow: false", "failure_mode_allow: true"))
        ran = run("envoy", "lint", unsafe)
        assert ran.code == 1
        assert "failure_mode_allow" in ran.out
        assert "1 errors" in ran.out

    def test_what_is_no_configuration_exits_3(self, run: Run) -> None:
        ran = run("envoy", "lint", "nowhere.yaml")
        assert ran.code == 3
        assert "nowhere.yaml" in ran.err


class TestReasons:
    """`accredit reasons`."""

    def test_all_of_them(self, run: Run) -> None:
        codes = [entry["code"] for entry in reasons()]
        shown = run("reasons").out.splitlines()[1:]
        assert [line.split()[0] for line in shown] == codes
        assert run("reasons", "--json").json == reasons()

    def test_one_of_them(self, run: Run) -> None:
        ran = run("reasons", "audience_mismatch")
        assert ran.code == 0
        assert "Ask for a token with this resource" in ran.out

    def test_one_that_is_none_exits_2(self, run: Run) -> None:
        assert run("reasons", "nonsense").code == 2


class TestDev:
    """`accredit dev`."""

    def test_mint_asks_a_running_issuer(self, run: Run, bench: Bench, tmp_path: Path) -> None:
        settings = tmp_path / "accredit.toml"
        settings.write_text("[insecure]\nloopback_http = true\n")
        with DevIssuer(algorithms=["ES256"]) as issuer:
            made = document(bench.key, resource(issuers=[issuer.issuer]))
            made["issuers"] = [{"issuer": issuer.issuer, "keys": {"discovery": "oidc"}}]
            bench.write(made)
            mint = ("dev", "mint", "--issuer", issuer.issuer, "--scope", "orders:read")
            for more, reason in (
                ((ORDERS,), "ok"),
                ((ORDERS, "--audience", "https://other.example"), "audience_too_broad"),
                ((ORDERS, "--age", "900"), "token_expired"),
                ((ORDERS, "--lifetime", "86400"), "lifetime_too_long"),
                ((ORDERS, "--claim", "sub="), "claim_absent"),
                ((ORDERS, "--claim", "sub=7"), "claim_type"),
                ((ORDERS, "--header", "typ=JWT"), "type_refused"),
                ((ORDERS, "--header", 'crit=["exp"]'), "critical_refused"),
                ((ORDERS, "--spoil", "alg-none"), "algorithm_refused"),
                ((ORDERS, "--spoil", "tampered"), "signature_invalid"),
            ):
                token = run(*mint, "--audience", *more).out.strip()
                ran = run(
                    "check", "-", "--host", "api.example", "--path", "/orders/1", "--json",
                    "--catalogue", bench.folder, "--settings", settings, stdin=token.encode(),
                )  # fmt: skip
                assert ran.json["reason"] == reason, more

    def test_mint_without_an_issuer_exits_4(self, run: Run) -> None:
        url = f"http://127.0.0.1:{free_port()}"
        ran = run("dev", "mint", "--issuer", url, "--audience", ORDERS)
        assert (ran.code, ran.out) == (4, "")
        assert "accredit dev issuer" in ran.err

    @pytest.mark.parametrize(
        "url", ["https://issuer.example", "http://10.0.0.1:80", "http://127.0.0.1:x", "nonsense"]
    )
    def test_mint_talks_to_loopback_alone(self, run: Run, url: str) -> None:
        assert run("dev", "mint", "--issuer", url, "--audience", ORDERS).code == 2

    def test_mint_refuses_an_algorithm_that_the_issuer_lacks(self, run: Run) -> None:
        with DevIssuer(algorithms=["ES256"]) as issuer:
            ran = run(
                "dev", "mint", "--issuer", issuer.issuer, "--audience", ORDERS,
                "--algorithm", "RS256",
            )  # fmt: skip
        assert ran.code == 4
        assert "refused with status 400" in ran.err

    def test_an_issuer_refuses_any_other_address(self, run: Run) -> None:
        ran = run("dev", "issuer", "--address", "0.0.0.0", "--port", "0")
        assert (ran.code, ran.out) == (2, "")
        assert "127.0.0.1 alone" in ran.err

    def test_an_issuer_refuses_what_cannot_sign(self, run: Run) -> None:
        assert run("dev", "issuer", "--port", "0", "--algorithm", "HS256").code == 2
