"""How every Python scenario writes what its programs knew: JSON lines, named as in the export contract (README.md)."""

import hashlib
import json
import os

_file = open(os.environ["INTEROP_LOG"], "a", buffering=1)


def log(line):
    _file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")


def programs(**versions):
    """Tells the versions of what is used; they become part of the log's first line."""
    log({"programs": versions})


def body(data):
    return {"body_len": len(data), "body_sha256": hashlib.sha256(data).hexdigest()}


def payload(data, is_text):
    """A WebSocket message's keys. Long texts are told by their hash alone: the log stays readable."""
    line = {"payload_len": len(data), "payload_sha256": hashlib.sha256(data).hexdigest()}
    if is_text and len(data) <= 200:
        line["text"] = bytes(data).decode()
    return line
