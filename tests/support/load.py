# SPDX-License-Identifier: Apache-2.0
"""Clients that never retry, so that each request a server drops is seen.

    with KeepAliveLoad(demo) as load:
        load.wait_for_answers(100)
    assert load.failures == []
"""

import http.client
import threading

from tests.support.demo import DEADLINE


class Load:
    """Threads that request `path` one time after the other until the block ends.

    `tls` is the ssl.SSLContext of a demo that serves TLS. `body`, if any, must come back."""

    def __init__(self, demo, path="/", clients=4, tls=None, body=None):
        self.failures = []
        self.answered = 0
        self._demo = demo
        self._path = path
        self._tls = tls
        self._body = body
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def wait_for_answers(self, count):
        """Waits until `count` more requests have been answered, or one has failed."""
        with self._changed:
            wanted = self.answered + count
            reached = self._changed.wait_for(
                lambda: self.answered >= wanted or self.failures, DEADLINE
            )
        assert reached, f"only {self.answered} of {wanted} answers"

    def _connect(self):
        return self._demo.connect(self._tls)

    def _request(self, connection):
        """One request; its outcome is counted."""
        try:
            connection.request("GET" if self._body is None else "POST", self._path, self._body)
            answer = connection.getresponse()
            text = answer.read()
            failure = None if answer.status == 200 else f"status {answer.status}"
            if self._body is not None and text != self._body:
                failure = failure or f"{len(text)} other bytes than those that were sent"
        except (OSError, http.client.HTTPException) as error:
            failure = repr(error)
        return self._count(failure)

    def _count(self, failure):
        """Returns whether it is none."""
        with self._changed:
            if failure is None:
                self.answered += 1
            else:
                self.failures.append(failure)
            self._changed.notify_all()
        return failure is None

    def _run(self):
        raise NotImplementedError

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()


class NewConnectionLoad(Load):
    """Each request on a connection of its own."""

    def _run(self):
        while not self._stop.is_set():
            connection = self._connect()
            self._request(connection)
            connection.close()


class KeepAliveLoad(Load):
    """Requests on one connection, until the server says `Connection: close`."""

    def _run(self):
        connection = self._connect()
        while not self._stop.is_set():
            # http.client opens a new connection after `Connection: close`, and only then.
            if not self._request(connection):
                connection.close()
        connection.close()
