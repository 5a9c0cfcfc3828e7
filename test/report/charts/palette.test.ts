/** The palette: colours stay apart for people who see all colours and for those who do not; markers tell repeated colours apart. */
import { expect, it } from 'vitest';
import { colourOf, dashesOf, marker, PALETTE } from '../../../src/report/charts/palette.js';

type Triple = readonly [number, number, number];
type Matrix = readonly [Triple, Triple, Triple];

/** Machado, Oliveira and Fernandes 2009, severity 1, of linear sRGB. */
const VISION: Record<string, Matrix> = {
  usual: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
};
const XYZ: Matrix = [
  [0.4124564, 0.3575761, 0.1804375],
  [0.2126729, 0.7151522, 0.072175],
  [0.0193339, 0.119192, 0.9503041],
];
const WHITE: Triple = [0.95047, 1, 1.08883];

const times = (matrix: Matrix, [x, y, z]: Triple) =>
  matrix.map(([a, b, c]) => a * x + b * y + c * z) as unknown as Triple;

function linear(colour: string): Triple {
  return [1, 3, 5].map((start) => {
    const value = Number.parseInt(colour.slice(start, start + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as unknown as Triple;
}

/** CIELAB. */
function lab(rgb: Triple): Triple {
  const [x, y, z] = times(XYZ, rgb).map((value, i) => Math.cbrt(Math.max(0.008856, value / WHITE[i]!))) as [
    number,
    number,
    number,
  ];
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

it.each(Object.entries(VISION))('keeps ten colours apart with %s vision', (_, matrix) => {
  const seen = PALETTE.map((colour) => lab(times(matrix, linear(colour))));
  const distances = seen.flatMap((a, i) =>
    seen.slice(i + 1).map((b) => Math.hypot(...a.map((x, k) => x - b[k]!))),
  );
  expect(PALETTE).toHaveLength(10);
  expect(Math.min(...distances)).toBeGreaterThan(9);
});

it('has other dashes where a colour comes again', () => {
  const drawn = Array.from({ length: 30 }, (_, place) => `${colourOf(place)} ${dashesOf(place)}`);
  expect(new Set(drawn).size).toBe(30);
});

it('has another marker where a colour comes again', () => {
  const drawn = Array.from({ length: 70 }, (_, place) => marker(place, 0, 0, 5).text);
  expect(new Set(drawn).size).toBe(70);
  expect(colourOf(10)).toBe(colourOf(0));
});
