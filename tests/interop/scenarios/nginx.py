"""Plays of nginx asked by curl: `python nginx.py PLAY`. Both run as programs of their own, on 127.0.0.1:8080.

curl's word: what it wrote to its files (`-o` bodies, `-D` heads) and its `-w '%{json}'`. nginx's word: its access log.
Bodies are compared with the files that were served, so neither the wire nor the HTTP of either is trusted.
"""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from interop import body, log, programs

WORK = Path(os.environ["INTEROP_WORK"])
ROOT = Path(os.environ["INTEROP_PACKAGES"]) / "nginx" / "root"
SITE = WORK / "site"
URL = "http://127.0.0.1:8080"
TEXT = "".join(f"line {n} of a text that compresses well\n" for n in range(60)).encode()

CONFIG = """
daemon off;
user root root;  # of the namespace: elsewhere nobody
master_process off;  # one process: it needs no second user, which a user namespace may not have
pid {work}/pid;
error_log {work}/error.log;
load_module {root}/usr/lib/nginx/modules/ngx_http_brotli_filter_module.so;
events {{}}
http {{
  client_body_temp_path {work}/body;
  proxy_temp_path {work}/proxy;
  fastcgi_temp_path {work}/fastcgi;
  uwsgi_temp_path {work}/uwsgi;
  scgi_temp_path {work}/scgi;
  types {{ text/plain txt; application/json json; application/octet-stream bin; }}
  log_format words escape=json '{{"port":"$remote_port","method":"$request_method","target":"$request_uri",'
    '"version":"$server_protocol","status":"$status","sent":"$body_bytes_sent","coding":"$sent_http_transfer_encoding",'
    '"request":"$request"}}';
  access_log {work}/access.log words;
  server {{
    listen 127.0.0.1:8080;
    root {work}/site;
    client_max_body_size 5k;
    location /coded/ {{
      gzip on; gzip_min_length 100; gzip_types text/plain application/json; gzip_http_version 1.0; gzip_proxied any;
      brotli on; brotli_min_length 100; brotli_types text/plain application/json;
    }}
    location /stored/ {{ dav_methods PUT DELETE; }}
    location /moved {{ return 301 /hello.txt; }}
    location /nothing {{ return 204; }}
    location /one-zero/ {{ proxy_pass http://127.0.0.1:8088/; }}
    location /one-one/ {{
      proxy_pass http://127.0.0.1:8088/;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $http_connection;
      proxy_request_buffering off;
    }}
  }}
}}
"""


def program(*command):
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=True)
    return (done.stdout + done.stderr).splitlines()[0]


def environment():
    libraries = ":".join(str(folder) for folder in ROOT.glob("usr/lib/*-linux-*"))
    return {**os.environ, "LD_LIBRARY_PATH": libraries}


NGINX = str(ROOT / "usr/sbin/nginx")
programs(nginx=program(NGINX, "-v").split("/")[1], curl=program("curl", "--version").split()[1])


# ---- curl -----------------------------------------------------------------------------------------------------------


def curl(*targets, options=(), sent=b"", method=None, decoded=None, stdin=None):
    """One run of curl: several targets share a connection. Logs what it asked and what it was answered."""
    files = [WORK / f"out{n}" for n in range(len(targets))]
    heads = WORK / "heads"
    command = ["curl", "--silent", "--show-error", "--max-time", "5", "-D", str(heads), "-w", "%{stderr}%{json}\n", *options]
    for file, target in zip(files, targets):
        file.write_bytes(b"")
        command += ["-o", str(file), URL + target]
    done = subprocess.run(command, capture_output=True, input=stdin)
    told = [json.loads(line) for line in done.stderr.decode().splitlines() if line.startswith("{")]
    answers = [block for block in heads.read_bytes().decode().split("\r\n\r\n") if block]
    for target, file, each in zip(targets, files, told):
        port = each["local_port"]
        line = {"who": "client", "client_port": port, "layer": "http"}
        log(line | {"dir": "c2s", "method": method or each["method"], "target": target, **body(sent)})
        while answers:
            words = answers.pop(0).split("\r\n")[0].split(" ", 2)
            status = {"dir": "s2c", "version": words[0], "status": int(words[1]), "reason": words[2] if len(words) > 2 else ""}
            if status["status"] < 200:
                log(line | status | {"body_len": 0})
                continue
            data = file.read_bytes()
            if each["method"] == "HEAD":
                data = b""  # curl -I writes the head itself where the body would go
            keys = body(data)
            if decoded is not None:
                own = body(decoded)
                keys |= {"decoded_len": own["body_len"], "decoded_sha256": own["body_sha256"]}
            log(line | status | keys)
            break
    time.sleep(0.02)


# ---- plays ----------------------------------------------------------------------------------------------------------


def plain():
    curl("/hello.txt")
    curl("/hello.txt", "/empty.txt", "/data.bin", "/missing", "/nothing", "/hello.txt")
    curl("/hello.txt", options=["--http1.0"])
    curl("/hello.txt", "/data.bin", options=["--http1.0", "-H", "Connection: keep-alive"])
    curl("/hello.txt", options=["-H", "Connection: close"])
    curl("/data.bin", "/hello.txt", options=["--head"])
    curl("/moved")
    # A validator that still holds: 304, with the length of what it does not send.
    etag = f'"{1700000000:x}-{len(TEXT):x}"'
    curl("/text.txt", "/text.txt", options=["-H", f"If-None-Match: {etag}"])
    curl("/text.txt", options=["-H", "If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT"])
    for span in ["0-99", "-10", "0-9,20-29", "999999-"]:
        curl("/text.txt", options=["--range", span])
    # Uploads: asked first, in one go, in chunks, too large when asked, too large at once.
    wait = ["-H", "Expect: 100-continue"]
    (WORK / "up").write_bytes(TEXT)
    (WORK / "large").write_bytes(TEXT * 4)
    curl("/stored/a.txt", options=["-T", str(WORK / "up"), *wait], sent=TEXT)
    curl("/stored/a.txt", options=["-T", str(WORK / "up"), "-H", "Expect:"], sent=TEXT)
    curl("/stored/b.txt", options=["-T", "-", "-H", "Expect:"], sent=TEXT, stdin=TEXT)
    curl("/stored/b.txt", options=["-X", "DELETE"])
    curl("/stored/c.txt", options=["-T", str(WORK / "large"), *wait])
    curl("/hello.txt", options=["-d", "form=1"], sent=b"form=1")
    pipelined()


def pipelined():
    """Three requests in one segment, the second a HEAD: nginx answers in order. No client does this any more."""
    wanted = [("GET", "/hello.txt"), ("HEAD", "/data.bin"), ("GET", "/text.txt")]
    with socket.create_connection(("127.0.0.1", 8080)) as stream:
        port = stream.getsockname()[1]
        stream.sendall("".join(f"{method} {target} HTTP/1.1\r\nHost: pipe\r\n\r\n" for method, target in wanted).encode())
        for method, target in wanted:
            log({"who": "client", "dir": "c2s", "client_port": port, "layer": "http", "method": method, "target": target, **body(b"")})
        time.sleep(0.2)
        stream.shutdown(socket.SHUT_WR)
        while stream.recv(65536):
            pass


def coded():
    for coding in ["gzip", "br", "gzip, br", "identity"]:
        for target in ["/coded/text.txt", "/coded/list.json"]:
            data = (SITE / target[1:]).read_bytes()
            curl(target, options=["-H", f"Accept-Encoding: {coding}"], decoded=None if coding == "identity" else data)
    curl("/coded/text.txt", options=["--head", "-H", "Accept-Encoding: gzip"])
    # HTTP/1.0 knows no chunks: the end of the connection ends the body.
    data = (SITE / "coded/text.txt").read_bytes()
    curl("/coded/text.txt", options=["--http1.0", "-H", "Accept-Encoding: gzip"], decoded=data)
    curl("/coded/small.txt", options=["-H", "Accept-Encoding: gzip"])


def proxy():
    """nginx between curl and Node, by HTTP/1.0 and 1.1; and between two ends of a WebSocket."""
    origin = subprocess.Popen(["node", "origin.cjs", "serve"])
    try:
        await_port(8088)
        for way in ["/one-zero", "/one-one"]:
            curl(way + "/hello", way + "/chunked")
            curl(way + "/until-close")
            curl(way + "/upload", options=["-d", "some=form"], sent=b"some=form")
            curl(way + "/upload", options=["-d", "in chunks", "-H", "Transfer-Encoding: chunked"], sent=b"in chunks")
        subprocess.run(["node", "origin.cjs", "connect"], check=True)
    finally:
        origin.terminate()
        origin.wait()


# ---- the site, and nginx itself -------------------------------------------------------------------------------------


def build():
    files = {
        "hello.txt": b"hello\n",
        "empty.txt": b"",
        "data.bin": bytes(range(256)) * 4,
        "text.txt": TEXT,
        "coded/text.txt": TEXT,
        "coded/small.txt": b"too small to be worth it",
        "coded/list.json": json.dumps(list(range(400))).encode(),
    }
    for name, data in files.items():
        file = SITE / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        os.utime(file, (1700000000, 1700000000))
    (SITE / "stored").mkdir()
    (WORK / "nginx.conf").write_text(CONFIG.format(work=WORK, root=ROOT))


def listening(port):
    """Looks in the kernel's table instead of connecting: a probe would be in the capture."""
    rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(row.split()[1].endswith(f":{port:04X}") and row.split()[3] == "0A" for row in rows)


def await_port(port):
    for _ in range(100):
        if listening(port):
            return
        time.sleep(0.05)
    sys.exit(f"nothing listens on port {port}")


def access_log():
    """nginx's own account. `sent` counts the chunks' framing, too: it is told as the body's length only without."""
    for text in (WORK / "access.log").read_text().splitlines():
        entry = json.loads(text)
        line = {"who": "server", "client_port": int(entry["port"]), "layer": "http"}
        log(line | {"dir": "c2s", "method": entry["method"], "target": entry["target"], "version": entry["version"]})
        length = {} if entry["coding"] or entry["status"] == "101" else {"body_len": int(entry["sent"])}
        log(line | {"dir": "s2c", "status": int(entry["status"]), **length})


def main():
    build()
    server = subprocess.Popen([NGINX, "-p", str(WORK), "-c", str(WORK / "nginx.conf")], env=environment())
    try:
        await_port(8080)
        {"plain": plain, "coded": coded, "proxy": proxy}[sys.argv[1]]()
        time.sleep(0.2)
    finally:
        server.terminate()
        server.wait()
    access_log()


main()
