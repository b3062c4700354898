# SPDX-License-Identifier: Apache-2.0
"""What the peers of launcher.py run: a service, or an application, that costs nothing.

gunicorn reads this file as its configuration and finds its application in it, uWSGI imports it;
as a program it is a service of oslo.service: `fleet_peer.py WORKERS DRAIN_SECONDS`.
"""

import sys


def mark(_worker=None):
    """Shows from outside that this process is ready (fleet.py)."""
    with open("/proc/self/comm", "w", encoding="ascii") as file:
        file.write("bench-ready")


post_worker_init = mark  # Of gunicorn.


def application(_, start_response):
    start_response("200 OK", [("Content-Length", "0")])
    return []


def run_oslo_service(workers, drain_seconds):
    # pylint: disable=import-outside-toplevel
    import eventlet

    eventlet.monkey_patch()
    from oslo_config import cfg
    from oslo_service import service

    class Marked(service.ServiceBase):
        def __init__(self):
            self.stopped = eventlet.event.Event()

        def start(self):
            mark()

        def stop(self):
            if not self.stopped.ready():
                self.stopped.send()

        def wait(self):
            self.stopped.wait()
            eventlet.sleep(drain_seconds)

        def reset(self):
            pass

    config = cfg.ConfigOpts()
    config([])
    service.launch(config, Marked(), workers=workers, restart_method="reload").wait()


if __name__ == "__main__":
    run_oslo_service(int(sys.argv[1]), float(sys.argv[2]))

try:
    import uwsgi

    uwsgi.post_fork_hook = mark
except ImportError:
    pass
