/** What a newcomer reads first: commands to copy, in the order of the tour. */
import type { LocalConfig } from './config.ts';
import type { RunningSystem } from './system.ts';

export function banner(system: RunningSystem, config: LocalConfig): string {
  const { gateway, page } = system.description;
  const cast = config.targets[0]?.upstream === null ? 'A demo database behind it.' : '';
  const lines = [
    `Sallyport is up. Gateway ${gateway.host}:${gateway.port}, database "${gateway.database}". ${cast}`.trimEnd(),
    '',
    'Sign in as alice (engineering), in another terminal:',
    `  PGPASSWORD=$(npx sallyport token alice) psql -h ${gateway.host} -p ${gateway.port} -U alice ${gateway.database}`,
    'Answer what waits, as bob (dba):',
    `  ${system.slack === 'stand-in' ? page.url : `Slack, ${system.slack}; or ${page.url}`}`,
    '  npx sallyport approvals list',
    'See what was recorded:',
    '  npx sallyport sessions',
    ...(cast === '' ? [] : ['Watch it all by itself:', '  npm run demo']),
  ];
  if (system.resumed > 0)
    lines.push('', `${system.resumed} approval requests of the last run go on.`);
  lines.push('', 'Ctrl-C stops everything.', '');
  return lines.join('\n');
}
