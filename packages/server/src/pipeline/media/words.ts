/** Measured numbers in words for people. Pure. */

/** `0.4 s`, `7 s`, `3 min 12 s`, `1 h 02 min`: as players show it, what has begun is not counted. */
export function durationWords(seconds: number): string {
  if (seconds < 0.05) return 'less than 0.1 s';
  if (seconds < 10) return `${Math.min(9.9, Math.round(seconds * 10) / 10)} s`;
  const whole = Math.floor(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  const minutes = Math.floor(whole / 60);
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** `0:07`, `12:03`, `1:02:09`: a place in the file. */
export function timecode(seconds: number): string {
  const whole = Math.floor(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number) => String(value).padStart(2, '0');
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

export function brightnessWord(brightness: number): string {
  if (brightness < 0.1) return 'very dark';
  if (brightness < 0.25) return 'dark';
  if (brightness < 0.6) return 'of medium brightness';
  return brightness < 0.8 ? 'bright' : 'very bright';
}

export function motionWord(motion: number): string {
  if (motion < 0.003) return 'still';
  if (motion < 0.015) return 'little motion';
  return motion < 0.05 ? 'some motion' : 'much motion';
}

export function loudnessWord(lufs: number | null): string {
  if (lufs === null) return 'no sound';
  if (lufs < -60) return 'silent';
  if (lufs < -33) return 'quiet';
  return lufs < -16 ? 'at common loudness' : 'loud';
}

export function paceWord(shotSecondsMean: number): string {
  if (shotSecondsMean < 3) return 'fast';
  if (shotSecondsMean < 8) return 'moderate';
  return shotSecondsMean < 30 ? 'slow' : 'very slow';
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
