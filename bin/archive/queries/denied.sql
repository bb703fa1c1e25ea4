-- Refused commands of each principal: by policy, and for want of an approval
SELECT principal, count(*) AS command_count, count_if(decision = 'deny') AS denied,
  count_if(decision <> 'deny' AND outcome = 'refused') AS not_approved,
  round(100e0 * count_if(outcome = 'refused') / count(*), 2) AS refused_percent,
  max_by(statement, ts) FILTER (WHERE outcome = 'refused') AS last_refused
FROM commands
GROUP BY principal
HAVING count_if(outcome = 'refused') > 0
ORDER BY denied DESC, not_approved DESC, principal
