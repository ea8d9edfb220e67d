"""Where keys and facts come from: issuers, their key sets and discovery, behind one guarded client.

Nothing here decides about a token: key sets go to the core as the bytes that arrived, and the core
judges them. Everything that leaves the machine goes through `accredit.trust.http`.
"""
