/**
 * Named places at commit boundaries. Production passes `noCrashPoints`; the crash tests pass one that kills the process, to see what
 * recovery finds.
 */
export const crashPointNames = [
  'receipt:before-write',
  'receipt:after-write',
  'receipt:after-sync',
  'receipt:after-commit',
  'append:before-write',
  'append:after-write',
  'append:after-sync',
  'append:after-commit',
  'concatenation:after-harden',
  'concatenation:after-join',
  'concatenation:after-take',
  'concatenation:after-copy',
  'completion:before-digest',
  'completion:after-digest',
  'completion:after-verified',
  'completion:after-place',
  'completion:after-commit',
  'deletion:after-commit',
  'deletion:before-bytes',
  'deletion:after-bytes',
  'step:after-delivery',
  'step:after-claim',
  'step:after-run',
  'step:after-publish',
  'step:after-commit',
  'watch:after-read',
  'watch:after-place',
  'watch:after-commit',
  'watch:after-outcome',
  'watch:after-log',
  'watch:before-move',
  'watch:after-copy',
  'watch:after-link',
  'watch:after-move',
  'webhook:before-enqueue',
  'webhook:after-send',
] as const;
export type CrashPointName = (typeof crashPointNames)[number];
/** `subject`: which one of several that pass the same place, such as the name of a step. */
export type CrashPoints = (name: CrashPointName, subject?: string) => void;
export const noCrashPoints: CrashPoints = () => {};
