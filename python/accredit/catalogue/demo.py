"""The catalogue of `accredit demo`, which `examples/catalogue/` shows as files.

Three sibling APIs behind one host, one issuer: what a token for the one must not open at another.
"""

from typing import Final

_ISSUERS: Final = """\
accredit: catalogue/1

# Who may mint tokens. Its keys are found through its metadata (OpenID Connect Discovery).
issuers:
  - issuer: ISSUER
    keys: {discovery: oidc}
    algorithms: [RS256, PS256, ES256, Ed25519]
"""

_ORDERS: Final = """\
accredit: catalogue/1

resources:
  - resource: https://api.example/orders
    owner: orders-team
    issuers: [ISSUER]
    max_lifetime: 15m
    routes:
      # A list of scopes means all of them.
      - hosts: [HOSTS]
        paths: [/orders, /orders/*]
        methods: [GET]
        scopes: [orders:read]
      - hosts: [HOSTS]
        paths: [/orders]
        methods: [POST]
        scopes: [orders:read, orders:write]
      # Lets everybody in: exact host, path and method.
      - hosts: [HOSTS]
        paths: [/orders/openapi.json]
        methods: [GET]
        access: public
"""

_INVOICES: Final = """\
accredit: catalogue/1

resources:
  - resource: https://api.example/invoices
    owner: billing-team
    issuers: [ISSUER]
    max_lifetime: 5m
    # What a caller needs that names the resource and no path.
    scopes: [invoices:read]
    routes:
      - hosts: [HOSTS]
        paths: [/invoices/**]
        methods: [GET]
        scopes: [invoices:read]
"""

_REPORTS: Final = """\
accredit: catalogue/1

resources:
  - resource: https://api.example/reports
    owner: data-team
    issuers: [ISSUER]
    max_lifetime: 1h
    routes:
      - hosts: [HOSTS]
        paths: [/reports/*/summary]
        methods: [GET]
        scopes: {any: [reports:read, reports:admin]}
      - hosts: [HOSTS]
        paths: [/reports/**]
        methods: [GET]
        scopes: [reports:admin]
"""

# The host that calls name, and Envoy's own listener in deploy/envoy/envoy.yaml.
DEMO_HOSTS: Final = ("api.example", "127.0.0.1:10000", "localhost:10000")


def demo_catalogue(issuer_url: str) -> dict[str, str]:
    """Returns the YAML of the demo's catalogue, by file name.

    Args:
        issuer_url: The issuer whose tokens all three APIs accept, for example
            `http://127.0.0.1:9400`; http needs `insecure.loopback_http`.
    """
    files = {
        "invoices.yaml": _INVOICES,
        "issuers.yaml": _ISSUERS,
        "orders.yaml": _ORDERS,
        "reports.yaml": _REPORTS,
    }
    hosts = ", ".join(f'"{host}"' if ":" in host else host for host in DEMO_HOSTS)
    return {
        name: text.replace("ISSUER", issuer_url).replace("HOSTS", hosts)
        for name, text in files.items()
    }
