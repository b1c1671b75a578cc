/** `BENCH_SCALE`: 1 for the full benchmark, less for a quick look. */
export function readScale(): number {
  const text = process.env['BENCH_SCALE'] ?? '1';
  const scale = Number(text);
  if (scale > 0) return scale;
  throw new Error(`BENCH_SCALE is ${JSON.stringify(text)}: it must be a number above 0, 0.1 for a quick look`);
}
