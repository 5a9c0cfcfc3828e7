/** The report as one HTML file that needs no other: pictures as data, charts as SVG, no script. */
import { encodePng, type Image } from '../formats/index.js';
import { changeChart } from './charts/change-chart.js';
import { lossChart } from './charts/loss-chart.js';
import { percentChange, withError } from './format.js';
import { html, Markup } from './html.js';
import type { Block, Comparison, Fact, LossComparison, Report } from './report.js';
import { enlargement, rowsOf } from './sheet.js';
import { STYLE } from './style.js';

export async function reportPage(report: Report): Promise<string> {
  const { title, lead, losses, lossNote, curve, facts, settings, commands } = report;
  const blocks: Markup[] = [];
  for (const block of report.blocks) blocks.push(await blockSection(block));
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${new Markup(STYLE)}</style>
</head>
<body>
<main>
<h1>${title}</h1>
<p class="lead">${lead}</p>
${blocks}
<section>
<h2>Loss before and after</h2>
<p class="quiet">${lossNote}</p>
${lossTable(losses)}
<div class="scroll">${changeChart(losses)}</div>
</section>
<section>
<h2>Training loss</h2>
<p class="quiet">Each step is one batch with its own noise, so single steps scatter; the thick line is a moving mean.</p>
<div class="scroll">${lossChart(curve)}</div>
</section>
<section>
<h2>Use the adapter</h2>
${commands.map(({ note, command }) => html`<p>${note}</p>\n<pre><code>${command}</code></pre>\n`)}
</section>
<div class="columns">
<section>
<h2>What it took</h2>
${factTable(facts)}
</section>
<section>
<h2>Settings</h2>
${factTable(settings)}
</section>
</div>
</main>
</body>
</html>
`.text;
}

async function blockSection(block: Block): Promise<Markup> {
  const rows: Markup[] = [];
  for (const { name, picture } of rowsOf(block)) {
    const cells: Markup[] = [];
    for (const comparison of block.comparisons) {
      const image = picture(comparison);
      cells.push(html`<td>${image && (await pictureElement(image, name, comparison))}</td>`);
    }
    rows.push(html`<tr class="${name}"><th scope="row">${name}</th>${cells}</tr>\n`);
  }
  return html`<section>
<h2>${block.title}</h2>
<p class="quiet">${block.note}</p>
<div class="scroll"><table class="pictures">
<thead><tr><td></td>${block.comparisons.map(({ label }) => html`<th scope="col">${label}</th>`)}</tr></thead>
<tbody>
${rows}</tbody>
</table></div>
</section>
`;
}

async function pictureElement(image: Image, row: string, { prompt, label }: Comparison): Promise<Markup> {
  const data = Buffer.from(await encodePng(image)).toString('base64');
  const text = row === 'true' ? `${label}, as the picture set draws it` : `${prompt} (${row})`;
  const small = enlargement(image.width) > 1 ? html` class="small"` : undefined;
  return html`<img${small} width="${image.width}" height="${image.height}" alt="${text}" title="${text}" src="data:image/png;base64,${data}">`;
}

function lossTable(losses: readonly LossComparison[]): Markup {
  return html`<div class="scroll"><table class="losses">
<thead><tr><th scope="col">Pictures</th><th scope="col">Number</th><th scope="col">Before</th><th scope="col">After</th><th scope="col">Change</th><th scope="col"></th></tr></thead>
<tbody>
${losses.map(({ set, pictures, before, after, change }) => html`<tr><th scope="row">${set}</th><td>${pictures}</td><td>${withError(before)}</td><td>${withError(after)}</td><td>${withError(change)}</td><td>${percentChange(after.mean / before.mean)}</td></tr>\n`)}</tbody>
</table></div>`;
}

function factTable(facts: readonly Fact[]): Markup {
  return html`<table class="facts"><tbody>
${facts.map(([name, value]) => html`<tr><th scope="row">${name}</th><td>${value}</td></tr>\n`)}</tbody></table>`;
}
