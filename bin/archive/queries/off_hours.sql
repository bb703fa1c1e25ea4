-- Commands that ran outside Monday to Friday, 07:00 to 19:00 UTC
SELECT principal, target_env, count(*) AS off_hours, count(DISTINCT session_id) AS session_count,
  min(ts) AS first_ts
FROM commands
WHERE outcome <> 'refused' AND (extract(hour FROM ts) NOT BETWEEN 7 AND 18
  OR date_diff('day', DATE '2024-01-01', CAST(ts AS date)) % 7 >= 5)
GROUP BY principal, target_env
ORDER BY off_hours DESC, principal, target_env
