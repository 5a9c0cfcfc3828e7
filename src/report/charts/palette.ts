/** Colours and markers of series: the same place in the order always has the same. */
import { html, type Markup } from '../html.js';
import { tenth } from './axis.js';

/** Ten colours that stay apart with every kind of colour vision, by M. A. Petroff, arXiv 2107.02270; the cyan is darker here. */
export const PALETTE = [
  '#3f90da',
  '#ffa90e',
  '#bd1f01',
  '#832db6',
  '#94a4a2',
  '#66c6cb',
  '#b9ac70',
  '#717581',
  '#e76300',
  '#a96b59',
] as const;

/** Corners of markers around 0, of about the area of a circle of radius 1; the first is that circle. */
const CORNERS: readonly (readonly (readonly [x: number, y: number])[])[] = [
  [],
  [
    [-0.9, -0.9],
    [0.9, -0.9],
    [0.9, 0.9],
    [-0.9, 0.9],
  ],
  [
    [0, -1.4],
    [1.25, 0.8],
    [-1.25, 0.8],
  ],
  [
    [0, -1.3],
    [1.2, 0],
    [0, 1.3],
    [-1.2, 0],
  ],
  [
    [0, 1.4],
    [1.25, -0.8],
    [-1.25, -0.8],
  ],
  [
    [-0.4, -1.2],
    [0.4, -1.2],
    [0.4, -0.4],
    [1.2, -0.4],
    [1.2, 0.4],
    [0.4, 0.4],
    [0.4, 1.2],
    [-0.4, 1.2],
    [-0.4, 0.4],
    [-1.2, 0.4],
    [-1.2, -0.4],
    [-0.4, -0.4],
  ],
  [
    [0, -1.25],
    [1.2, -0.4],
    [0.75, 1],
    [-0.75, 1],
    [-1.2, -0.4],
  ],
];

const DASHES = ['7 4', '2 3', '10 3 2 3'] as const;

/** Of the series at a place in the order; after the last colour they begin anew. */
export function colourOf(place: number): string {
  return PALETTE[place % PALETTE.length]!;
}

/** Of a line without markers: others where the same colour comes again. */
export function dashesOf(place: number): string {
  return DASHES[Math.floor(place / PALETTE.length) % DASHES.length]!;
}

/** A series' marker. There are fewer markers than colours, so that the same colour comes again with another marker. */
export function marker(place: number, x: number, y: number, radius: number): Markup {
  const corners = CORNERS[place % CORNERS.length]!;
  const fill = colourOf(place);
  if (corners.length === 0)
    return html`<circle class="marker" fill="${fill}" cx="${x}" cy="${y}" r="${radius}"/>`;
  const points = corners.map(([dx, dy]) => `${tenth(x + radius * dx)},${tenth(y + radius * dy)}`);
  return html`<polygon class="marker" fill="${fill}" points="${points.join(' ')}"/>`;
}

/** A cross at the place of a value that is no number. */
export function cross(place: number, x: number, y: number): Markup {
  const d = `M${tenth(x - 4)} ${tenth(y - 4)}l8 8m0 -8l-8 8`;
  return html`<path class="cross" stroke="${colourOf(place)}" d="${d}"/>`;
}
