/** `@holdfast/client/node`: transport, file source and memory between runs for Node. */
export { fileSha256 } from './file-digest.ts';
export { type FileSource, fileSource } from './file-source.ts';
export { type NodeTransport, nodeTransport } from './node-transport.ts';
export { type JournalKey, journalEntryMsMax, type UploadJournal, uploadJournal } from './upload-journal.ts';
