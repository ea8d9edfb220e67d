"""An issuer for a developer's own machine: keys, tokens good and bad, discovery, rotation.

Nothing here is part of a server that decides. The issuer listens on 127.0.0.1 alone and gives a
token to whoever asks.
"""
