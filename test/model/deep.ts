import { RowPool } from './row-pool.ts';
import { ALL_ROWS } from './rows.ts';
import { ALL_WALKS } from './walk-rows.ts';

// `make model`: every row, one after the other: for three members, then for five; of each the deep ones last. Arguments choose rows by a part of their names.
const wanted = process.argv.slice(2);
await using pool = await RowPool.start(1);
for (const row of [...ALL_ROWS, ...ALL_WALKS]) {
  if (wanted.length > 0 && !wanted.some((part) => row.name.includes(part))) continue;
  const { isAsExpected, report } = await pool.check(row);
  console.log(`${report}\n`);
  if (isAsExpected) continue;
  console.error(`NOT AS EXPECTED: ${row.name}\n`);
  process.exitCode = 1;
}
