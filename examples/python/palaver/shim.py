"""The client behind a shim for the conformance kit (chapter 19): python3 -m palaver.shim"""

import json
import sys

from .client import Client, Refused
from .registry import FRAMES


class ShimClient(Client):
    """Collects what it writes by lane; takes no time and no chance from the machine it runs on."""

    def write(self, data: bytes, lane: int) -> None:
        self.__dict__.setdefault("written", []).append({"lane": lane, "hex": data.hex()})


class Shim:
    """Carries out one command after the other."""

    def __init__(self):
        self.client: ShimClient | None = None

    def command(self, command: dict) -> dict:
        refused = False
        try:
            getattr(self, f"do_{command['do']}")(command)
        except (Refused, ValueError):
            refused = True
        client = self.client
        write, client.written = client.__dict__.get("written", []), []
        told, client.events = [told_of(*event) for event in client.events], []
        return {
            "write": write,
            "events": told,
            "deadline": client.deadline(),
            "state": client.state,
            "refused": refused,
        }

    def do_start(self, command: dict) -> None:
        given = {name: bytes.fromhex(command[name]) for name in ("seed", "clientId", "pin", "binding")}
        options = {"client_id": given["clientId"], "pin": given["pin"] or None, "binding": given["binding"]}
        options |= {"token": command["token"], "lanes": command["lanes"]}
        self.client = ShimClient(command["name"], given["seed"], command["now"], **options)

    def do_bytes(self, command: dict) -> None:
        self.client.receive_on(command["lane"], bytes.fromhex(command["hex"]), command["now"])

    def do_time(self, command: dict) -> None:
        self.client.tick(command["now"])

    def do_end(self, command: dict) -> None:
        self.client.link_ended(command["now"])

    def do_request(self, command: dict) -> None:
        fields = dict(command["frame"])
        name = fields.pop("type")
        kinds = {field["name"]: field["type"] for field in FRAMES[name]["fields"]}
        plain = {key: bytes.fromhex(v) if kinds.get(key) == "bin" else v for key, v in fields.items()}
        self.client.request(name, **plain)

    def do_send(self, command: dict) -> None:
        self.client.message(command["conversation"], command["kind"], bytes.fromhex(command["hex"]))

    def do_close(self, _command: dict) -> None:
        self.client.close("goodbye")


def told_of(name: str, fields: dict) -> dict:
    """An event of the client in the words of chapter 19."""
    if name == "message":
        kept = {key: fields[key] for key in ("conversation", "seq", "sender", "ref", "kind")}
        return {"event": "message", **kept, "hex": fields["body"].hex()}
    if name == "event":
        return {"event": "entry", **{key: fields[key] for key in ("conversation", "seq", "kind")}}
    if name == "joined":
        return {"event": "joined", "conversation": fields["conversation"], "seq": fields["seq"]}
    if "code" in fields and "request" in fields:
        return {"event": "error", **{key: fields[key] for key in ("code", "request", "ref", "conversation")}}
    if name == "ready":
        return {"event": "ready", "name": fields["name"]}
    if name == "ended":
        return {"event": "closed", "by": fields["by"], "code": fields["code"]}
    return {"event": name}


def main() -> None:
    shim = Shim()
    for line in sys.stdin:
        print(json.dumps(shim.command(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
