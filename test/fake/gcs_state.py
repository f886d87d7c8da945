"""What the face of Google Cloud Storage remembers: objects and uploads.

Copyright (c) 2026, dataops authors; PostgreSQL License
"""
import base64
import itertools
import tempfile

from crc32c import crc32c
from script import Refusal, Script

IN_MEMORY = 1 << 20         # longer contents lie in a file


class Contents:
    """Bytes that grow at their end, with their checksum."""

    def __init__(self):
        self.file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)
        self.size = 0
        self.checksum = 0

    def append(self, data):
        self.file.seek(self.size)
        self.file.write(data)
        self.size += len(data)
        self.checksum = crc32c(data, self.checksum)

    def read(self, start, length):
        self.file.seek(start)
        return self.file.read(length)

    @property
    def crc32c(self):
        """As the service writes it: base64 of four bytes, the highest first."""
        return base64.b64encode(self.checksum.to_bytes(4, "big")).decode()


class Object:
    """A finished object: contents under a name, with the metadata that it was made with."""

    def __init__(self, bucket, name, contents, metadata, generation):
        self.bucket = bucket
        self.name = name
        self.contents = contents
        self.content_type = metadata.get("contentType", "application/octet-stream")
        self.content_encoding = metadata.get("contentEncoding")
        self.metadata = metadata.get("metadata")    # the user's own words
        self.generation = generation

    def resource(self):
        resource = {
            "kind": "storage#object", "id": f"{self.bucket}/{self.name}/{self.generation}",
            "bucket": self.bucket, "name": self.name, "generation": str(self.generation),
            "metageneration": "1", "contentType": self.content_type,
            "size": str(self.contents.size), "crc32c": self.contents.crc32c, "etag": "CAE="}
        if self.content_encoding:
            resource["contentEncoding"] = self.content_encoding
        if self.metadata:
            resource["metadata"] = self.metadata
        return resource


class Session:
    """A resumable upload; "done" is its object once it is finished."""

    def __init__(self, bucket, name, metadata, match):
        self.bucket = bucket
        self.name = name
        self.metadata = metadata
        self.match = match
        self.contents = Contents()
        self.done = None


class Cloud(Script):
    def __init__(self):
        super().__init__()
        self.objects = {}           # (bucket, name) → Object
        self.sessions = {}
        self.rewrites = {}          # token → bytes rewritten
        self.generations = itertools.count(1_700_000_000_000_001)
        self.numbers = itertools.count(1)

    def find(self, bucket, name, generation=None):
        found = self.objects.get((bucket, name))
        if found is None or generation not in (None, str(found.generation)):
            raise Refusal(404, "notFound", f"No such object: {bucket}/{name}")
        return found

    def check_match(self, bucket, name, match):
        """The precondition ifGenerationMatch: 0 means that there is no such object."""
        found = self.objects.get((bucket, name))
        if match is not None and str(found.generation if found else 0) != match:
            raise Refusal(412, "conditionNotMet",
                          "At least one of the pre-conditions you specified did not hold.")

    def store(self, bucket, name, contents, metadata, match):
        """Finishes an upload or a rewrite."""
        self.check_match(bucket, name, match)
        wanted = metadata.get("crc32c", contents.crc32c)
        if wanted != contents.crc32c:
            raise Refusal(400, "invalid", f"Provided CRC32C \"{wanted}\" doesn't match calculated "
                          f"CRC32C \"{contents.crc32c}\".")
        made = Object(bucket, name, contents, metadata, next(self.generations))
        self.objects[bucket, name] = made
        return made

    def token(self):
        return f"canary-session-{next(self.numbers)}"

    def session(self, token):
        if token not in self.sessions:
            raise Refusal(404, "notFound", "No such upload session")
        if self.sessions[token] is None:
            raise Refusal(410, "gone", "The upload session is gone")
        return self.sessions[token]
