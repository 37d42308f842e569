"""Encodings and hashes: 'Base64-encode "hello"', "Decode this Base64: aGk=", 'SHA-256 of "abc"'.

Base64 (standard, URL-safe), Base32, hexadecimal, percent-encoding, both ways; MD5, SHA-1, SHA-2,
SHA-3, CRC-32. Text is UTF-8. It stands in quotes or a fence, or, as a single word, behind a colon.

Answer: the encoded or decoded text alone; hexadecimal in small letters; a space as `%20`.

In doubt, and so not answered: a decoded text that is no printable UTF-8; Base64 without its padding
or with stray bits; percent-encoding of a whole URL, of `/`, or of `!'()*~`, about which encoders
differ, and decoding of `+`; text with a backslash; several words
without quotes, or a word that ends in a mark of punctuation.
"""

import base64
import binascii
import hashlib
import re
import zlib
from collections.abc import Callable
from urllib.parse import quote, unquote_to_bytes

from streams.tier0.asking import MARK, marked

MAX_CHARS = 16_000
_HEAD_CHARS = 120

_CODES = r"(?P<{0}>(?:url[- ]?safe )?base[- ]?64(?: ?url)?|base[- ]?32|hex(?:adecimal)?|(?:url|uri|percent)(?:[- ](?:encod(?:ed|ing)|component|escaped))?)"
_TEXT = (
    r"(?:(?:the|this|that) )?(?:following )?(?:utf-?8 |ascii |plain )?(?:text|string|word|phrase|value|sentence|message)?"
    rf":? ?{MARK}"
)
_CODED = (
    rf"(?:(?:the|this|that) )?(?:following )?(?:encoded )?(?:text|string|value|data)?:? ?{MARK}"
)
_AS = r"(?: format| encoding| string| representation)?"
_HASH = r"(?P<hash>md5|sha-?1|sha-?(?:2-?)?(?:224|256|384|512)|sha3-(?:224|256|384|512)|crc-?32)(?: ?(?:hash|digest|checksum|sum))?"
_REQUEST = re.compile(
    rf"(?:{_CODES.format('e1')}[- ]?(?:encode|escape) ?{_TEXT}"
    rf"|{_CODES.format('d1')}[- ]?(?:decode|unescape) ?{_CODED}"
    rf"|(?:encode|convert|turn) {_TEXT} (?:in|to|into|as|using|with) {_CODES.format('e2')}{_AS}"
    rf"|(?:encode|convert) (?:(?:the|this) )?(?:following )?(?:text|string|word|phrase) (?:in|to|into|as) {_CODES.format('e4')}{_AS}:? ?{MARK}"
    rf"|(?:convert|turn) (?:the |this |that )?(?:following )?{_CODES.format('d4')}(?: string| text| value)? (?:to|into) (?:plain |ascii |utf-8 )?(?:text|ascii|string|utf-8):? ?{MARK}"
    rf"|what is (?:the )?{_CODES.format('e3')}(?: encod(?:ed|ing))?(?: form| version| representation)? (?:of|for) {_TEXT}"
    rf"|(?:decode|convert) (?:the |this |that )?(?:following )?{_CODES.format('d2')}(?:[- ]encoded)?(?: encoded)?(?: text| string| value| data)?:? ?{MARK}(?P<plain> (?:to|into) (?:plain |ascii |utf-8 )?(?:text|ascii|string|utf-8))?"
    rf"|decode {_CODED} from {_CODES.format('d3')}(?: to text)?"
    rf"|(?:(?:compute|calculate|what is|give me|get|generate|find|hash)? ?(?:the )?{_HASH} (?:of|for) {_TEXT}|hash {_TEXT} (?:with|using) {_HASH.replace('hash>', 'hash2>')}|{_HASH.replace('hash>', 'hash3>')}:? {MARK})"
    r")(?: in hex(?:adecimal)?)?",
    re.IGNORECASE,
)
_GATE = ("encod", "decod", "base64", "escap", "hex", "md5", "sha", "crc")
_LOOSE = re.compile(r"[^\s\"'`“”.?!,;:](?:[^\s\"'`“”]*[^\s\"'`“”.?!,;:])?")
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+|[0-9A-Fa-f]{2}(?: [0-9A-Fa-f]{2})+")
_PERCENT = re.compile(r"(?:[A-Za-z0-9_.~-]|[:@&=$,;?/#!*'()]|%[0-9A-Fa-f]{2})+")
_UNSURE = re.compile(r"[/!'()*~]|\Ahttps?:|\Awww\.")


def encode_text(text: str) -> str | None:
    """Encode, decode or hash the text that the prompt carries.

    Returns:
        The result; None where encoders differ, or nothing readable comes out.

    Example:
        >>> encode_text('Base64-encode "hello"')
        'aGVsbG8='
        >>> encode_text("URL-decode this string: a%20b")
        'a b'
    """
    if len(text) > MAX_CHARS:
        return None
    head = text[:_HEAD_CHARS].lower()
    if not any(word in head for word in _GATE):
        return None
    found = marked(text)
    request = _REQUEST.fullmatch(found.request) if len(found.subjects) == 1 else None
    if request is None:
        return None
    subject = found.subjects[0]
    if "\\" in subject or (found.loose and not _LOOSE.fullmatch(subject)):
        return None
    try:
        return _done(request, subject)
    except (ValueError, binascii.Error):  # surrogates, broken codes
        return None


def _done(request: re.Match[str], subject: str) -> str | None:
    hashed = request["hash"] or request["hash2"] or request["hash3"]
    if hashed:
        return _hash(hashed.lower(), subject.encode())
    encoded = request["e1"] or request["e2"] or request["e3"] or request["e4"]
    named = _code(encoded or request["d1"] or request["d2"] or request["d3"] or request["d4"])
    if encoded:
        return _ENCODERS[named](subject)
    if (
        named == "hex"
        and request["d2"]
        and not request["plain"]
        and not request[0].lower().startswith("decode")
    ):
        return None  # "convert the hex …" to what?
    decoded = _DECODERS[named](subject)
    return decoded if decoded and decoded.replace("\n", "").isprintable() else None


def _code(named: str) -> str:
    name = re.sub(r"[ -]", "", named.lower())
    if name.startswith("hex"):
        return "hex"
    if "64" in name:
        return "base64url" if "url" in name else "base64"
    return "base32" if "32" in name else "percent"


def _hash(name: str, raw: bytes) -> str:
    if name.startswith("crc"):
        return f"{zlib.crc32(raw):08x}"
    if name.startswith("sha3"):
        return hashlib.new(name.replace("-", "_"), raw).hexdigest()
    digits = name.removeprefix("sha").replace("-", "")
    if name == "md5":
        return hashlib.md5(raw, usedforsecurity=False).hexdigest()
    if digits == "1":
        return hashlib.sha1(raw, usedforsecurity=False).hexdigest()
    return hashlib.new(f"sha{digits[-3:]}", raw).hexdigest()


def _encode_percent(text: str) -> str:
    if _UNSURE.search(text):
        raise ValueError
    return quote(text, safe="")


def _decode_base64(text: str) -> str:
    if not _BASE64.fullmatch(text) or not text:
        raise ValueError
    raw = base64.b64decode(text, validate=True)
    if base64.b64encode(raw).decode() != text:
        raise ValueError
    return raw.decode()


def _decode_base64url(text: str) -> str:
    if "+" in text or "/" in text:
        raise ValueError
    return _decode_base64(text.replace("-", "+").replace("_", "/"))


def _decode_base32(text: str) -> str:
    raw = base64.b32decode(text)
    if base64.b32encode(raw).decode() != text:
        raise ValueError
    return raw.decode()


def _decode_hex(text: str) -> str:
    if not _HEX.fullmatch(text):
        raise ValueError
    return bytes.fromhex(text).decode()


def _decode_percent(text: str) -> str:
    if not _PERCENT.fullmatch(text) or "%" not in text:
        raise ValueError
    return unquote_to_bytes(text).decode()


_ENCODERS: dict[str, Callable[[str], str]] = {
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64url": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base32": lambda text: base64.b32encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "percent": _encode_percent,
}
_DECODERS: dict[str, Callable[[str], str]] = {
    "base64": _decode_base64,
    "base64url": _decode_base64url,
    "base32": _decode_base32,
    "hex": _decode_hex,
    "percent": _decode_percent,
}
