/** The report page's style sheet. */
import { CHART_STYLE, LIGHT } from './charts/style.js';

const light = Object.entries(LIGHT)
  .map(([name, colour]) => `--${name}: ${colour};`)
  .join(' ');

export const STYLE = `
:root {
  color-scheme: light dark;
  ${light}
}
@media (prefers-color-scheme: dark) {
  :root { --page: #16181b; --text: #e6e4df; --quiet: #a2a7ad; --line: #363a40; --panel: #1f2226; --accent: #f0905f; }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 78rem; padding: 2rem 1.25rem 4rem;
  background: var(--page); color: var(--text); font: 1rem/1.55 system-ui, sans-serif;
}
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .75rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .25rem; }
p { margin: .25rem 0 .75rem; max-width: 46rem; }
.lead { font-size: 1.1rem; }
.quiet { color: var(--quiet); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; }
table.facts th, table.facts td, table.losses th, table.losses td {
  border-bottom: 1px solid var(--line); padding: .35rem 1rem .35rem 0; text-align: left; vertical-align: top;
}
th { font-weight: 600; }
table.facts th { font-weight: 400; color: var(--quiet); white-space: nowrap; }
table.facts td { overflow-wrap: anywhere; }
table.losses td { font-variant-numeric: tabular-nums; white-space: nowrap; }
table.pictures th { font-weight: 400; font-size: .875rem; line-height: 1.3; color: var(--quiet); }
table.pictures thead th { vertical-align: bottom; padding: .25rem; width: 8rem; }
table.pictures tbody th { text-align: right; padding-right: .75rem; position: sticky; left: 0; background: var(--page); }
table.pictures td { padding: .1875rem; }
table.pictures img { display: block; width: 8rem; height: auto; border-radius: .25rem; background: #fff; }
table.pictures tr.after th { color: var(--accent); font-weight: 600; }
img.small { image-rendering: pixelated; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(30rem, 100%), 1fr)); gap: 0 3rem; }
pre {
  background: var(--panel); border: 1px solid var(--line); border-radius: .375rem;
  padding: .75rem 1rem; white-space: pre-wrap; overflow-wrap: anywhere; font-size: .875rem;
}
.chart { width: 100%; min-width: 34rem; max-width: 45rem; height: auto; }${CHART_STYLE}`;
