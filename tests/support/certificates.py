# SPDX-License-Identifier: Apache-2.0
"""Certificates for tests, made by openssl(1) anew each time: no key is kept in the tree.

    authority = Authority(folder)
    server = authority.issue("server", "IP:127.0.0.1")
    context = authority.context()
"""

import collections
import pathlib
import ssl
import subprocess

Pair = collections.namedtuple("Pair", "certificate key")  # Files.


def openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True)
    return done.stdout


class Authority:
    """An authority of its own, whose files are in `folder`."""

    def __init__(self, folder, name="ca"):
        self.folder = pathlib.Path(folder)
        self.certificate = str(self.folder / f"{name}.crt")
        self.key = str(self.folder / f"{name}.key")
        self._request(Pair(self.certificate, self.key), name, "-days", "1")

    @staticmethod
    def _request(pair, subject, *arguments):
        openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-subj", f"/CN={subject}", "-keyout", pair.key, "-out", pair.certificate),
            *arguments,
        )

    def issue(self, name, alt_name="IP:127.0.0.1"):
        """A certificate for `name`, in files of that name, valid for a day."""
        pair = Pair(str(self.folder / f"{name}.crt"), str(self.folder / f"{name}.key"))
        self._request(
            pair,
            name,
            *("-days", "1", "-addext", f"subjectAltName={alt_name}"),
            *("-addext", "basicConstraints=critical,CA:FALSE"),
            *("-CA", self.certificate, "-CAkey", self.key),
        )
        return pair

    def expire(self, pair):
        """Puts a certificate in the place of the pair's that has expired."""
        request = f"{pair.certificate}.request"
        openssl(
            *("x509", "-x509toreq", "-in", pair.certificate, "-signkey", pair.key, "-out", request)
        )
        openssl(
            *("x509", "-req", "-in", request, "-out", pair.certificate, "-days", "-1"),
            *("-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial"),
        )

    def context(self, client=None):
        """A client's, that trusts this authority and shows the certificate `client`."""
        context = ssl.create_default_context(cafile=self.certificate)
        if client is not None:
            context.load_cert_chain(client.certificate, client.key)
        return context


def expiry(path):
    """When the certificate in this file expires, in seconds since 1970."""
    text = openssl("x509", "-noout", "-enddate", "-in", path).strip()
    return ssl.cert_time_to_seconds(text.removeprefix("notAfter="))
