/** Numbers as people read them. */

/** Three significant digits without an exponent, such as 0.0412. */
export function significant(value: number, digits = 3): string {
  if (value === 0) return '0';
  const decimals = Math.max(0, digits - 1 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(decimals, 10));
}

/** `0.412 ± 0.005`: both to the digit at which the error begins to matter. */
export function withError({ mean, standardError }: { mean: number; standardError: number }): string {
  if (!(standardError > 0)) return withSign(significant(mean));
  const decimals = Math.min(6, Math.max(0, 1 - Math.floor(Math.log10(standardError))));
  return `${withSign(mean.toFixed(decimals))} ± ${standardError.toFixed(decimals)}`;
}

const withSign = (digits: string): string => digits.replace('-', '−');

/** `−12.3 %`, always signed. */
export function percentChange(ratio: number): string {
  const percent = 100 * (ratio - 1);
  return `${withSign(`${percent < 0 ? '' : '+'}${percent.toFixed(1)}`)} %`;
}
