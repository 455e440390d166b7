"""An SMTP server for tests: takes commands on standard input, writes what happens to standard output as JSON lines.

    server.py [--tls starttls|tls --cert FILE --key FILE] [--auth USER:PASSWORD] [--away]

The first line is {"port": N}. Commands are lines, each answered with {"done": COMMAND}: sync, or a mode. Modes are accept; refuse (the
recipient, for good); relay (deny to pass mail on, as a server does that does not know the client); greylist (each recipient once); cut (the connection, after a mail came and before the answer to it); echo (refuse
the text, with its link in the answer); hang (never answer to a recipient); gone (every connection breaks off at once). Mail for nobody@ any host is
refused in every mode. With --away nobody listens until the first mode comes.
Each mail that came is {"mail": {...}}, each mail that was begun {"recipient": ADDRESS}. The server ends with its standard input.
"""

import argparse
import asyncio
import email
import email.policy
import json
import logging
import os
import re
import socket
import ssl
import sys
import threading
import warnings

from aiosmtpd.smtp import SMTP, AuthResult


def say(**event):
    print(json.dumps(event), flush=True)


class Handler:
    def __init__(self):
        self.mode = "accept"
        self.greylisted = set()

    async def handle_RCPT(self, server, session, envelope, address, options):
        say(recipient=address)
        if self.mode == "refuse" or address.startswith("nobody@"):
            return "550 5.1.1 no such mailbox"
        if self.mode == "relay":
            return f"554 5.7.1 <{address}>: Relay access denied"
        if self.mode == "greylist" and address not in self.greylisted:
            self.greylisted.add(address)
            return "451 4.7.1 greylisted, try again later"
        if self.mode == "hang":
            await asyncio.Event().wait()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        text = envelope.content.decode()
        if self.mode == "echo":
            parsed = email.message_from_string(text, policy=email.policy.default)
            link = re.search(r"https?://\S+", parsed.get_body(("plain",)).get_content())
            return f"554 5.7.1 listed: {link[0]}"
        say(mail=describe(envelope, text))
        if self.mode == "cut":
            server.transport.abort()
        return "250 OK"


class Gone(asyncio.Protocol):
    def connection_made(self, transport):
        transport.abort()


def describe(envelope, text):
    mail = email.message_from_string(text, policy=email.policy.default)
    headers = {name.lower(): str(value) for name, value in mail.items()}
    bodies = {kind: mail.get_body((kind,)).get_content() for kind in ("plain", "html")}
    return {"from": envelope.mail_from, "to": envelope.rcpt_tos, "headers": headers, "type": mail.get_content_type(), **bodies}


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tls", choices=["starttls", "tls"])
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--auth")
    parser.add_argument("--away", action="store_true")
    return parser.parse_args()


def authenticator(expected):
    def check(server, session, envelope, mechanism, data):
        given = f"{data.login.decode()}:{data.password.decode()}"
        return AuthResult(success=given == expected, handled=False)

    return check


async def main():
    args, handler = arguments(), Handler()
    loop = asyncio.get_running_loop()
    context = None
    if args.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(args.cert, args.key)
    options = {"hostname": "localhost", "enable_SMTPUTF8": True}
    if args.tls == "starttls":
        options |= {"tls_context": context, "require_starttls": True}
    if args.auth:
        options |= {"authenticator": authenticator(args.auth), "auth_required": True, "auth_require_tls": False}
    # Bound and not listening: connections are refused, and nobody else gets the port.
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))

    async def listen():
        tls = context if args.tls == "tls" else None
        await loop.create_server(lambda: Gone() if handler.mode == "gone" else SMTP(handler, **options), sock=listener, ssl=tls)

    listening = not args.away
    if listening:
        await listen()
    say(port=listener.getsockname()[1])
    commands = asyncio.Queue()

    def read():
        for line in sys.stdin:
            loop.call_soon_threadsafe(commands.put_nowait, line.strip())
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    while True:
        command = await commands.get()
        if command != "sync":
            handler.mode = command
            if not listening:
                listening = True
                await listen()
        say(done=command)


# Connections that break off are what the tests are about, and aiosmtpd warns of itself.
logging.getLogger("mail").setLevel(logging.CRITICAL + 1)
warnings.simplefilter("ignore")
asyncio.run(main())
