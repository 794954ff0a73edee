"""Ed25519 (RFC 8032) with the further conditions of PAL-HSK-014, and the messages of chapter 5.2."""

from hashlib import sha512

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, P - 2, P) % P
_ROOT = pow(2, (P - 1) // 4, P)
_IDENTITY = (0, 1, 1, 0)


def _add(p, q):
    """Sum in extended coordinates (X, Y, Z, T), complete: it doubles, too."""
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * _D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _multiply(scalar: int, point):
    result = _IDENTITY
    while scalar:
        if scalar & 1:
            result = _add(result, point)
        point = _add(point, point)
        scalar >>= 1
    return result


def _equal(p, q) -> bool:
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


def _compress(point) -> bytes:
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _decompress(data: bytes):
    """The point of a canonical encoding, or None."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * _ROOT % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


_BASE = _decompress((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def _expand(seed: bytes) -> tuple[int, bytes]:
    digest = sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | 1 << 254
    return scalar, digest[32:]


def _challenge(*parts: bytes) -> int:
    return int.from_bytes(sha512(b"".join(parts)).digest(), "little") % ORDER


def public_key(seed: bytes) -> bytes:
    return _compress(_multiply(_expand(seed)[0], _BASE))


def sign(seed: bytes, message: bytes) -> bytes:
    scalar, prefix = _expand(seed)
    r = _challenge(prefix, message)
    encoded = _compress(_multiply(r, _BASE))
    s = (r + _challenge(encoded, public_key(seed), message) * scalar) % ORDER
    return encoded + s.to_bytes(32, "little")


def verify(key: bytes, message: bytes, signature: bytes) -> bool:
    s = int.from_bytes(signature[32:], "little")
    a, r = _decompress(key), _decompress(signature[:32])
    if len(signature) != 64 or s >= ORDER or a is None or r is None:
        return False
    if any(_equal(_multiply(8, point), _IDENTITY) for point in (a, r)):
        return False
    k = _challenge(signature[:32], key, message)
    return _equal(_multiply(s, _BASE), _add(r, _multiply(k, a)))


def _with_length(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def transcript(binding: bytes, hello: bytes, challenge: bytes) -> bytes:
    parts = b"".join(map(_with_length, (binding, hello, challenge)))
    return sha512(b"palaver/1/transcript\0" + parts).digest()


def auth_message(t: bytes, name: str, key: bytes, client_id: bytes, token: str) -> bytes:
    named = _with_length(name.encode()) + key + client_id + _with_length(token.encode())
    return b"palaver/1/auth\0" + t + named


def resume_message(t: bytes, session: bytes, token: bytes) -> bytes:
    return b"palaver/1/resume\0" + t + session + token


def ready_message(t: bytes, auth_signature: bytes, session: bytes, name: str) -> bytes:
    return b"palaver/1/ready\0" + t + auth_signature + session + _with_length(name.encode())
