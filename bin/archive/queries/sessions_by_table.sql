-- Which sessions touched which relation, how often, and how many rows came back
SELECT obj, session_id, principal, target_name, min(ts) AS first_ts, max(ts) AS last_ts,
  count(*) AS command_count, sum(row_count) AS rows_returned
FROM commands CROSS JOIN UNNEST(objects) AS o (obj)
WHERE outcome <> 'refused' AND (:object = '' OR obj = :object)
GROUP BY obj, session_id, principal, target_name
ORDER BY obj, session_id, principal, target_name
