-- Everything that someone did, command by command
SELECT session_id, seq, ts, principal, target_name, decision, outcome, statement, row_count, masked_cells
FROM commands
ORDER BY session_id, seq
