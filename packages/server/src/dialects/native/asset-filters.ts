/** What lists of assets and the search are narrowed by. */
import { runStates } from '@holdfast/protocol';
import { Type } from 'typebox';
import { HoldfastError } from '../../core/errors.ts';
import type { RunState } from '../../core/ledger.ts';

export const AssetKindFilter = Type.Optional(
  Type.Union([Type.Literal('video'), Type.Literal('audio'), Type.Literal('other')], {
    description: 'By the content type of the asset; other is neither of the two.',
  }),
);

export const RunFilter = Type.Optional(
  Type.String({ maxLength: 64, description: 'States of the newest run of the asset, separated by commas.' }),
);

/** Throws `invalid-request`. */
export function runStatesOf(text: string): RunState[] {
  return text.split(',').map((word) => {
    const state = runStates.find((known) => known === word.trim());
    if (!state)
      throw new HoldfastError(
        'invalid-request',
        `"${word}" is not a state of a run; the states are ${runStates.join(', ')}.`,
        { details: { field: 'run' } },
      );
    return state;
  });
}
