/** Numbers in charts as text. */

/**
 * How these values are written side by side: all with an exponent where one needs it; all to the digit of `step`, where that is given.
 */
export function alike(values: readonly number[], step?: number): (value: number) => string {
  if (values.some((value) => plain(value).includes('e'))) {
    return (value) => (value === 0 ? '0' : exponential(value));
  }
  if (step === undefined) return plain;
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return (value) => signed(value.toFixed(decimals));
}

/** 0.05, 20000, 2e-4: without the digits that floating point adds. */
export function plain(value: number): string {
  const size = Math.abs(value);
  if (value !== 0 && (size < 1e-3 || size >= 1e6)) return exponential(value);
  return signed(String(Number(value.toPrecision(6))));
}

const exponential = (value: number): string =>
  signed(Number(value.toPrecision(3)).toExponential().replace('+', ''));

/** With the sign for minus instead of a hyphen. */
export const signed = (digits: string): string => digits.replace(/^-/, '−');
