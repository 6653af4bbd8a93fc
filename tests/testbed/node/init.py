"""The first process of the node's namespaces: while it lives they do; orphans never become zombies."""

import signal

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
# Blocked and waited for: a first process is not ended by a signal that it has no handler for.
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
signal.sigwait({signal.SIGTERM})
