/** A chart as a file of its own. */
import { html, Markup } from '../html.js';
import type { Chart } from './chart.js';
import { CHART_STYLE, LIGHT } from './style.js';
import { BOLD, wrapped } from './text.js';

const MARGIN = 20;
const FONT = 16;
const LINE = 22;

/**
 * An SVG file: the chart under its title on a white panel, with colours and styles written out, so that it looks the same in every viewer
 * and on pages of any colour.
 */
export function standaloneSvg(chart: Chart, { title }: { title: string }): string {
  const lines = wrapped(title, chart.width - 8, BOLD * FONT);
  const head = MARGIN + LINE * lines.length + 6;
  const [width, height] = [chart.width + 2 * MARGIN, head + chart.height + MARGIN];
  const style = CHART_STYLE.replace(/var\(--(\w+)\)/g, (_, name: keyof typeof LIGHT) => LIGHT[name]);
  const placed = chart.text.replace(
    '<svg ',
    `<svg x="${MARGIN}" y="${head}" width="${chart.width}" height="${chart.height}" `,
  );
  return html`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<title>${title}</title>
<style>${new Markup(style)}.title { font: 600 ${FONT}px system-ui, sans-serif; fill: ${LIGHT.text}; }</style>
<rect x=".5" y=".5" width="${width - 1}" height="${height - 1}" rx="8" fill="${LIGHT.panel}" stroke="${LIGHT.line}"/>
${lines.map((line, i) => html`<text class="title" x="${MARGIN + 4}" y="${MARGIN + LINE * i + FONT}">${line}</text>\n`)}${new Markup(placed)}
</svg>
`.text;
}
