/**
 * What people do with curl, for the matrix. Each script gets `URL` and `FILE` (of more than 10 MiB for the forms, of 2 to 8 MiB for the others), runs in a folder of its own and prints the
 * address or the id of the upload as its last line. Any refusal that is not asked for ends it.
 */
import type { Feature } from './client-matrix.ts';

type Scripts = Partial<Readonly<Record<Feature, string>>>;

const shared = `
SIZE=$(stat -c %s "$FILE"); HALF=$((SIZE / 2))
http() { curl -sS --fail-with-body "$@"; }
status() { curl -sS -o /dev/null -w '%{http_code}' "$@"; }
slice() { head -c $(($1 + $2)) "$FILE" | tail -c +$(($1 + 1)); }
sha() { openssl dgst "-$1" -binary | base64 -w 0; }
same() { [ "$1" = "$2" ] || { echo "$1 is not $2" >&2; exit 1; }; }
# Breaks off a request in the middle: what is sent by then is for the server to keep.
cut_off() { curl -sS --limit-rate 400K --max-time 2 -o /dev/null "$@" 2>/dev/null && exit 1; true; }
`;

const tusWords = `
create() { http -o /dev/null -w '%header{location}' -X POST "$URL/files" -H 'Tus-Resumable: 1.0.0' "$@"; }
OCTETS='Content-Type: application/offset+octet-stream'
patch() { http -o /dev/null -X PATCH "$URL$1" -H 'Tus-Resumable: 1.0.0' -H "$OCTETS" -H "Upload-Offset: $2" "\${@:3}" --data-binary @-; }
offset() { curl -sS --fail -I "$URL$1" -H 'Tus-Resumable: 1.0.0' | tr -d '\\r' | sed -n 's/^upload-offset: //p'; }
whole() { U=$(create -H "Upload-Length: $SIZE" "$@"); }
`;

const tus: Scripts = {
  whole: 'whole; patch $U 0 <"$FILE"; echo $U',
  chunks: 'whole; slice 0 $HALF | patch $U 0; slice $HALF $SIZE | patch $U $HALF; echo $U',
  parallel: `
    A=$(create -H "Upload-Length: $HALF" -H 'Upload-Concat: partial')
    B=$(create -H "Upload-Length: $((SIZE - HALF))" -H 'Upload-Concat: partial')
    slice 0 $HALF | patch $A 0 & FIRST=$!
    slice $HALF $SIZE | patch $B 0
    wait $FIRST
    create -H "Upload-Concat: final;$A $B"`,
  'with creation': 'create -H "Upload-Length: $SIZE" -H "$OCTETS" --data-binary @"$FILE"',
  'length later': `
    U=$(create -H 'Upload-Defer-Length: 1')
    slice 0 $HALF | patch $U 0; slice $HALF $SIZE | patch $U $HALF -H "Upload-Length: $SIZE"; echo $U`,
  override: 'whole; patch $U 0 -X POST -H "X-HTTP-Method-Override: PATCH" <"$FILE"; echo $U',
  'goes on': `
    whole
    cut_off -X PATCH "$URL$U" -H 'Tus-Resumable: 1.0.0' -H "$OCTETS" -H 'Upload-Offset: 0' --data-binary @"$FILE"
    AT=$(offset $U); [ $AT -gt 0 ]; [ $AT -lt $SIZE ]
    slice $AT $SIZE | patch $U $AT; echo $U`,
  checksum: `
    whole
    same 460 $(status -X PATCH "$URL$U" -H 'Tus-Resumable: 1.0.0' -H "$OCTETS" -H 'Upload-Offset: 0' \\
      -H "Upload-Checksum: sha1 $(slice 1 $HALF | sha sha1)" --data-binary @"$FILE")
    same 0 $(offset $U)
    patch $U 0 -H "Upload-Checksum: sha256 $(sha sha256 <"$FILE")" <"$FILE"; echo $U`,
  cancel: `
    whole; slice 0 $HALF | patch $U 0
    http -X DELETE "$URL$U" -H 'Tus-Resumable: 1.0.0'
    same 410 $(status -I "$URL$U" -H 'Tus-Resumable: 1.0.0'); echo $U`,
};

const draftWords = `
create() { http -o /dev/null -w '%header{location}' -X POST "$URL/ietf-files" -H 'Upload-Complete: ?0' "$@"; }
PART='Content-Type: application/partial-upload'
append() { http -o /dev/null -X PATCH "$URL$1" -H "$PART" -H "Upload-Offset: $2" -H "Upload-Complete: $3" "\${@:4}" --data-binary @-; }
offset() { curl -sS --fail -I "$URL$1" | tr -d '\\r' | sed -n 's/^upload-offset: //p'; }
whole() { U=$(create -H "Upload-Length: $SIZE"); }
`;

const draft: Scripts = {
  whole: 'http "$URL/ietf-files" -T "$FILE" | jq -r .uploadId',
  chunks: 'whole; slice 0 $HALF | append $U 0 ?0; slice $HALF $SIZE | append $U $HALF ?1; echo $U',
  'with creation': `
    http -i "$URL/ietf-files" -T "$FILE" -H 'Upload-Complete: ?1' -H 'Upload-Draft-Interop-Version: 8' >answers
    grep -aq '^HTTP/1.1 104' answers
    tr -d '\\r' <answers | sed -n 's/^[Ll]ocation: //p' | head -n 1`,
  'length later': `
    U=$(create)
    slice 0 $HALF | append $U 0 ?0; slice $HALF $SIZE | append $U $HALF ?1; echo $U`,
  'goes on': `
    whole
    cut_off -X PATCH "$URL$U" -H "$PART" -H 'Upload-Offset: 0' -H 'Upload-Complete: ?1' --data-binary @"$FILE"
    AT=$(offset $U); [ $AT -gt 0 ]; [ $AT -lt $SIZE ]
    slice $AT $SIZE | append $U $AT ?1; echo $U`,
  checksum: `
    whole
    same 422 $(status -X PATCH "$URL$U" -H "$PART" -H 'Upload-Offset: 0' -H 'Upload-Complete: ?1' \\
      -H "Content-Digest: sha-256=:$(slice 1 $HALF | sha sha256):" --data-binary @"$FILE")
    same 0 $(offset $U)
    append $U 0 ?1 -H "Content-Digest: sha-256=:$(sha sha256 <"$FILE"):" <"$FILE"; echo $U`,
  cancel: 'whole; slice 0 $HALF | append $U 0 ?0; http -X DELETE "$URL$U"; same 410 $(status -I "$URL$U"); echo $U',
};

const nativeWords = `
begin() { http "$URL/v1/uploads" --json "{\\"filename\\":\\"film.mp4\\",\\"size\\":$SIZE,\\"chunkSize\\":$1}" | jq -r .id; }
CHUNK=262144; COUNT=$(((SIZE + CHUNK - 1) / CHUNK))
put() { slice $(($2 * CHUNK)) $CHUNK | http -o /dev/null -X PUT "$URL/v1/uploads/$1/chunks/$2" "\${@:3}" --data-binary @-; }
missing() { http "$URL/v1/uploads/$1" | jq -r '.missingChunks[]'; }
`;

const native: Scripts = {
  whole: 'ID=$(begin 8388608); http -o /dev/null -T "$FILE" "$URL/v1/uploads/$ID/chunks/0"; echo $ID',
  chunks: 'ID=$(begin $CHUNK); for I in $(seq 0 $((COUNT - 1))); do put $ID $I; done; echo $ID',
  parallel: `
    ID=$(begin $CHUNK); SENDERS=
    for I in $(seq $((COUNT - 1)) -1 0); do put $ID $I & SENDERS="$SENDERS $!"; done
    for SENDER in $SENDERS; do wait $SENDER; done; echo $ID`,
  'goes on': `
    ID=$(begin $CHUNK); put $ID 0; put $ID 2
    LEFT=$(missing $ID); same $((COUNT - 2)) $(echo "$LEFT" | wc -l)
    for I in $LEFT; do put $ID $I; done; echo $ID`,
  checksum: `
    ID=$(begin 8388608)
    same 422 $(status -T "$FILE" "$URL/v1/uploads/$ID/chunks/0" -H "Content-Digest: sha-256=:$(slice 1 $HALF | sha sha256):")
    http -o /dev/null -T "$FILE" "$URL/v1/uploads/$ID/chunks/0" -H "Content-Digest: sha-256=:$(sha sha256 <"$FILE"):"; echo $ID`,
  cancel: 'ID=$(begin $CHUNK); put $ID 0; http -o /dev/null -X DELETE "$URL/v1/uploads/$ID"; echo $ID',
};

const formWords = `
API=$URL/api/chunked-upload; CHUNK=5242880; COUNT=$(((SIZE + CHUNK - 1) / CHUNK))
begin() { http "$API/init" -d filename=film.mp4 -d file_size=$SIZE -d total_chunks=$COUNT | jq -r .upload_id; }
send() { slice $(($2 * CHUNK)) $CHUNK | http -o /dev/null "$API/chunk" -F upload_id=$1 -F chunk_index=$2 -F 'chunk=@-;filename=blob'; }
complete() { http -o /dev/null "$API/complete" -d upload_id=$1; echo $1; }
`;

const form: Scripts = {
  chunks: 'ID=$(begin); for I in $(seq 0 $((COUNT - 1))); do send $ID $I; done; complete $ID',
  parallel: `
    ID=$(begin); SENDERS=
    for I in $(seq $((COUNT - 1)) -1 0); do send $ID $I & SENDERS="$SENDERS $!"; done
    for SENDER in $SENDERS; do wait $SENDER; done; complete $ID`,
  'goes on': `
    ID=$(begin); send $ID 1
    LEFT=$(http "$API/status?upload_id=$ID" | jq -r '.missing_chunks[]'); same $((COUNT - 1)) $(echo "$LEFT" | wc -l)
    for I in $LEFT; do send $ID $I; done; complete $ID`,
  cancel: 'ID=$(begin); send $ID 0; http -o /dev/null "$API/cancel" -d upload_id=$ID; echo $ID',
};

const recordingsWords = `
API=$URL/api/v1/recordings; CHUNK=5242880; COUNT=$(((SIZE + CHUNK - 1) / CHUNK))
begin() {
  http "$API/" --json '{"asignatura":"Cardiología","tema":"Arritmias","profesor_text":"Dra. Núñez","filename":"clase.webm",
    "file_size_total":'$SIZE',"file_checksum":"'$(md5sum "$FILE" | cut -d ' ' -f 1)'"}' | jq -r .recording_id
}
chunk() { slice $((($1 - 1) * CHUNK)) $CHUNK; }
send() {
  chunk $2 | http -o /dev/null "$API/$1/chunk" -F upload_session_id=$1 -F chunk_number=$2 -F total_chunks=$COUNT \\
    -F chunk_checksum=$(chunk $2 | md5sum | cut -d ' ' -f 1) -F 'file=@-;filename=blob'
}
complete() { http "$API/$1/complete" -F upload_session_id=$1 -F validate_checksum=true >answer; echo $1; }
`;

const recordings: Scripts = {
  chunks: 'ID=$(begin); for I in $(seq 1 $COUNT); do send $ID $I; done; complete $ID',
  parallel: `
    ID=$(begin); SENDERS=
    for I in $(seq $COUNT -1 1); do send $ID $I & SENDERS="$SENDERS $!"; done
    for SENDER in $SENDERS; do wait $SENDER; done; complete $ID`,
  'goes on': `
    ID=$(begin); send $ID 2
    LEFT=$(http -X POST "$API/$ID/recovery" | jq -r '.chunks_missing[]'); same $((COUNT - 1)) $(echo "$LEFT" | wc -l)
    for I in $LEFT; do send $ID $I; done; complete $ID`,
  checksum: `
    ID=$(begin)
    REFUSED=$(chunk 1 | status "$API/$ID/chunk" -F upload_session_id=$ID -F chunk_number=1 -F total_chunks=$COUNT \\
      -F chunk_checksum=$(chunk 2 | md5sum | cut -d ' ' -f 1) -F 'file=@-;filename=blob')
    echo $REFUSED | grep -q '^4'
    for I in $(seq 1 $COUNT); do send $ID $I; done; complete $ID; same true $(jq -r .checksum_validated answer) && echo $ID`,
  cancel: 'ID=$(begin); send $ID 1; http -o /dev/null -X POST "$API/$ID/cancel"; echo $ID',
};

function complete(words: string, scripts: Scripts): Scripts {
  return Object.fromEntries(Object.entries(scripts).map(([feature, script]) => [feature, shared + words + script]));
}

export const curlScripts = {
  tusCurl: complete(tusWords, tus),
  draft8Curl: complete(draftWords, draft),
  nativeCurl: complete(nativeWords, native),
  formCurl: complete(formWords, form),
  recordingsCurl: complete(recordingsWords, recordings),
};
