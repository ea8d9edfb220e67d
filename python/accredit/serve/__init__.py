"""What listens: the fast door, the Python door and the operators' HTTP, and the life of the server.

`app` starts, reloads and drains; `python_door` answers gRPC over the same engine as the fast door;
`needs` brings keys to the checks that wait for them; `http` shows what goes on; `records` writes
decisions to the log.
"""

from accredit.serve.app import run, serve

__all__ = ["run", "serve"]
