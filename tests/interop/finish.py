"""Turns what one play left in its work folder into the committed files; `record` calls it.

    finish.py NAME WORK

Checks that the capture is complete, writes it without what tells of the machine (its processor and kernel), puts the
versions in front of the log and the verdict behind it, and asks tshark for counts to check against.
"""

import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

SECTION_HEADER, INTERFACE, ENHANCED_PACKET, SECRETS = 0x0A0D0D0A, 1, 6, 10
TLS_KEY_LOG = 0x544C534B
END_OF_OPTIONS, IF_NAME, IF_TSRESOL = 0, 2, 9
# How a line begins with which a program told its version.
PROGRAMS = '{"programs":'


def blocks(data):
    """The blocks of a pcapng file (draft-ietf-opsawg-pcapng section 3.1): type and body. dumpcap writes little-endian."""
    at = 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        yield kind, data[at + 8 : at + length - 4]
        at += length


def block(kind, body):
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def options(data, wanted):
    """The options whose codes are wanted, as bytes."""
    kept, at = b"", 0
    while at + 4 <= len(data):
        code, length = struct.unpack_from("<HH", data, at)
        size = 4 + (length + 3) // 4 * 4
        if code in wanted:
            kept += data[at : at + size]
        at += size
        if code == END_OF_OPTIONS:
            break
    return kept + bytes(4) if kept else b""


def cleaned(data, secrets):
    """The same packets; no processor, kernel or capture filter; before them the secrets of TLS, if there are any. Returns the
    file and the number of frames."""
    out, frames = b"", 0
    for kind, body in blocks(data):
        if kind == SECTION_HEADER:
            out += block(kind, body[:16])
        elif kind == INTERFACE:
            out += block(kind, body[:8] + options(body[8:], {IF_NAME, IF_TSRESOL}))
        elif kind == ENHANCED_PACKET:
            if secrets and not frames:
                out += block(SECRETS, struct.pack("<II", TLS_KEY_LOG, len(secrets)) + secrets + bytes(-len(secrets) % 4))
            frames += 1
            out += block(kind, body)
    return out, frames


def first_line(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return (done.stdout + done.stderr).splitlines()[0]


def tshark_counts(capture):
    """How often tshark sees each thing. It is a cross-check, not the truth: where it is known to be wrong stands in README.md."""
    fields = ["tcp.stream", "udp.stream", "http.request.method", "http.response.code", "websocket.opcode"]
    command = ["tshark", "-r", str(capture), "-T", "fields"]
    for name in fields:
        command += ["-e", name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [line.split("\t") for line in done.stdout.splitlines()]

    def values(column):
        return [value for row in rows for value in row[column].split(",") if value]

    return {
        "tshark": re.search(r"\d+\.\d+\.\d+", first_line("tshark", "--version"))[0],
        "frames": len(rows),
        "tcp_streams": len(set(values(0))),
        "udp_streams": len(set(values(1))),
        "http_requests": len(values(2)),
        "http_responses": len(values(3)),
        "websocket_frames": len(values(4)),
    }


def main():
    name, work = sys.argv[1], Path(sys.argv[2])
    here = Path(os.environ["INTEROP_INTO"])
    secrets = (work / "secrets").read_bytes() if (work / "secrets").exists() else b""
    expected = int((work / "count").read_text())
    capture, frames = cleaned((work / "raw.pcapng").read_bytes(), secrets)
    if frames != expected:
        sys.exit(f"finish: {name}: {frames} of {expected} frames captured: not kept")

    for folder in ("captures", "logs"):
        (here / folder).mkdir(exist_ok=True)
    saved = here / "captures" / f"{name}.pcapng"
    saved.write_bytes(capture)
    log = (work / "log").read_text().rstrip("\n").split("\n")  # not splitlines: texts may hold U+2028
    told = [json.loads(line)["programs"] for line in log if line.startswith(PROGRAMS)]
    head = {"log": 1, "capture": name, "programs": {key: value for one in told for key, value in one.items()}}
    log = [line for line in log if not line.startswith(PROGRAMS)]
    tail = {"complete": True, "frames": frames}
    lines = [json.dumps(head), *log, json.dumps(tail)]
    (here / "logs" / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    counts = tshark_counts(saved)
    (here / "logs" / f"{name}.tshark.json").write_text(json.dumps(counts, indent=2) + "\n")
    print(f"{name}: {frames} of {expected} frames, {len(capture)} bytes, {len(log)} log lines")


main()
