-- What was masked, how many cells, and for how many people
SELECT target_name, kind, sum(mask_counts[i]) AS cells, count(DISTINCT principal) AS people
FROM commands CROSS JOIN UNNEST(mask_kinds) WITH ORDINALITY AS m (kind, i)
GROUP BY target_name, kind
ORDER BY target_name, kind
