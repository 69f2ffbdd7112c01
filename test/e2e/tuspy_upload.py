"""Sends a file with Debian's tuspy: endpoint, file, file for its URLs, chunk size, with checksums or not, chunks to stop after (0: none)."""
import json
import sys

from tusclient.client import TusClient
from tusclient.storage.filestorage import FileStorage

endpoint, path, urls, chunk_size, checksum, stop_after = sys.argv[1:]
uploader = TusClient(endpoint).uploader(
    path,
    chunk_size=int(chunk_size),
    metadata={"filename": "Vorlesung №1.mp4", "filetype": "video/mp4"},
    upload_checksum=checksum == "yes",
    store_url=True,
    url_storage=FileStorage(urls),
)
began = uploader.offset
if stop_after == "0":
    uploader.upload()
else:
    for _ in range(int(stop_after)):
        uploader.upload_chunk()
print(json.dumps({"url": uploader.url, "began": began, "offset": uploader.offset}))
