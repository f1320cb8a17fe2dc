"""How the site is served: an event loop in front, Django's synchronous views in threads behind it.

The loop receives bodies, waits for results and sends answers, none of which holds a thread. The
decision and its reasons: docs/developer/web-server.md.
"""
