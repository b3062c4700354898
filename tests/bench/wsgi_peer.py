# SPDX-License-Identifier: Apache-2.0
"""What the peers of wsgi.py and tls.py run.

gunicorn and uWSGI import `application`; as a program it is a server of oslo.service:
`wsgi_peer.py PORT WORKERS [CERTIFICATE KEY]`.
"""

import sys


def application(_, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "13")])
    return [b"Hello, world!"]


def run_oslo_service(port, workers, certificate=None, key=None):
    # pylint: disable=import-outside-toplevel
    import eventlet

    eventlet.monkey_patch()
    from oslo_config import cfg
    from oslo_service import service, sslutils, wsgi

    config = cfg.ConfigOpts()
    wsgi.register_opts(config)
    sslutils.register_opts(config)
    config([])
    if certificate:
        config.set_override("cert_file", certificate, group="ssl")
        config.set_override("key_file", key, group="ssl")
    server = wsgi.Server(
        config, "bench", application, host="127.0.0.1", port=port, pool_size=1000, use_ssl=bool(certificate)
    )
    # It logs each request at INFO, which nobody has turned on.
    service.launch(config, server, workers=workers).wait()


if __name__ == "__main__":
    run_oslo_service(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
