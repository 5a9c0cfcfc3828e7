/** A chart: an `svg` element that knows its size. */
import { html, Markup } from '../html.js';

/** Width of a chart that needs no more. */
export const WIDTH = 720;

export class Chart extends Markup {
  constructor(
    readonly width: number,
    readonly height: number,
    /** What is to be heard instead of seen. */
    readonly description: string,
    content: Markup,
  ) {
    super(
      html`<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="${description}">
${content}
</svg>`.text,
    );
  }
}

/** What an axis or a colour shows. */
export interface Quantity {
  readonly title: string;
  /** Which direction is better, where one is. */
  readonly better?: 'lower' | 'higher';
  /** A value on the axis as text. */
  readonly label?: (value: number) => string;
}
