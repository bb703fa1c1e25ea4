-- How many requests each approver answered yes to, and how long the requesters waited
SELECT approver, count(*) AS approved, avg(waited) AS average_s,
  min(CASE WHEN portion >= 5e-1 THEN waited END) AS p50_s,
  min(CASE WHEN portion >= 95e-2 THEN waited END) AS p95_s,
  max(waited) AS longest_s
FROM (
  SELECT approver, waited, cume_dist() OVER (PARTITION BY approver ORDER BY waited) AS portion
  FROM (
    SELECT approver, date_diff('millisecond', approval_requested_at, approval_decided_at) / 1e3 AS waited
    FROM commands
    WHERE approver IS NOT NULL AND approval_decided_at IS NOT NULL
  ) AS answers
) AS ranked
GROUP BY approver
ORDER BY approver
