/** What `sallyport verify` found, in words. */
import type { Finding, Report } from '../../core/recording/verify.ts';
import { instant, oneLine } from './narrative.ts';

export function verdict(report: Report): string {
  return [...report.findings.map(finding), summary(report)].join('\n');
}

/** Keys and details may come from a forged object, and are shown as such text is shown everywhere. */
function finding({ kind, key, session, seq, detail }: Finding): string {
  const event = seq === null ? '' : `, event ${seq}`;
  const where = [...(session === null ? [] : [`${session}${event}`]), ...(key === '' ? [] : [key])];
  return oneLine(`${kind}: ${detail}${where.length === 0 ? '' : ` (${where.join('; ')})`}`);
}

function summary({ findings, sessions, events, digests, objects }: Report): string {
  const held =
    findings.length === 0
      ? 'Nothing speaks against this archive'
      : `${count(findings.length, 'finding')}: this archive is not as it was written`;
  const newest =
    digests.newestAt === null ? '' : ` (the newest of ${instant(digests.newestAt)} UTC)`;
  const unsigned =
    objects.pending === 0
      ? ''
      : `; ${objects.pending} newer ${objects.pending === 1 ? 'is' : 'are'} sound, and signed with the next`;
  return [
    `${held}.`,
    `  ${count(events, 'event')} in ${count(sessions.ended + sessions.open, 'session')}, ${sessions.open} of them open`,
    `  ${count(digests.count, 'digest')}${newest} over ${count(objects.signed, 'object')}${unsigned}`,
  ].join('\n');
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
