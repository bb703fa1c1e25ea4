/** A failure for the log: never the message of an error that we did not write, it may quote a payload. */
import { GatewayError } from '../../core/errors.ts';

/** Frames of a stack that tell where it was. */
const FRAMES = 3;

export function failureOf(error: unknown): string {
  if (error instanceof GatewayError) {
    const { cause } = error;
    return `${error.code}: ${error.message}${cause instanceof Error ? ` (${cause.name})` : ''}`;
  }
  if (!(error instanceof Error)) return typeof error;
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return [error.name, ...frames.slice(0, FRAMES).map((line) => line.trim())].join(' ');
}
