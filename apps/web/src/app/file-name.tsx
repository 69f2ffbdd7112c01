import { shownName } from '@holdfast/protocol';

/** A file's name in a text: whatever is in it turns neither its own characters round nor the words beside it. */
export function FileName({ name }: { name: string }) {
  return <bdi>{shownName(name)}</bdi>;
}
