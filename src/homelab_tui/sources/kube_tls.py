"""TLS towards an API server. Private keys come inline from kubeconfigs and are never left in a file."""

import os
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from homelab_tui.domain.errors import SourceError
from homelab_tui.domain.secrets import Secret


def tls_context(
    *, origin: str, verify: bool, ca_pem: str | None, certificate_pem: str | None = None, key: Secret | None = None
) -> ssl.SSLContext:
    """A client context that trusts `ca_pem` alone (None: the system's authorities) and shows a client certificate.

    Raises: SourceError that names what cannot be used; never its text.
    """
    try:
        context = ssl.create_default_context(cadata=ca_pem) if verify else _unverified()
    except (ssl.SSLError, ValueError) as error:
        raise SourceError(f"{origin}: certificate-authority is not a PEM certificate") from error
    # As Go does, and kubectl with it: an authority may be an intermediate one, and the older self-made cluster
    # authorities lack extensions that Python 3.13 asks for.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.set_alpn_protocols(["http/1.1"])
    if certificate_pem and key:
        try:
            with _readable(f"{certificate_pem.rstrip()}\n{key.reveal()}") as path:
                # Without a callback OpenSSL would ask for the passphrase on our terminal.
                context.load_cert_chain(path, password=lambda: "")
        except (ssl.SSLError, ValueError) as error:
            trouble = "client-certificate and client-key cannot be used together (not PEM, encrypted, or no pair)"
            raise SourceError(f"{origin}: {trouble}") from error
    return context


def _unverified() -> ssl.SSLContext:
    """insecure-skip-tls-verify: the kubeconfig's owner asked for it by name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@contextmanager
def _readable(text: str) -> Iterator[str]:
    """A path that OpenSSL can open and that nobody finds afterwards: anonymous memory on Linux."""
    if sys.platform == "linux":
        descriptor = os.memfd_create("homelab-tls", os.MFD_CLOEXEC)
        try:
            with os.fdopen(os.dup(descriptor), "wb") as file:
                file.write(text.encode())
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
    else:
        import tempfile

        descriptor, path = tempfile.mkstemp(prefix="homelab-")  # 0600 from the start
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text.encode())
            yield path
        finally:
            os.unlink(path)
