/** Tables and plots in docs/, from the results that are kept: what the documents say is what was measured. */
import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeFileAtomic } from '../src/formats/index.js';
import { plots } from './plot.js';
import { insertBetweenMarks, toMarkdown } from './report.js';
import type { Result } from './result.js';
import { SIZES, type SizeName } from './sizes.js';
import { targetTable } from './targets.js';

const pathOf = (file: string) => fileURLToPath(new URL(file, import.meta.url));

const PAGE = pathOf('../docs/performance.md');
/** Sizes whose results are kept. */
const PUBLISHED = ['sd15', 'sdxl', 'emoji'] as const satisfies readonly SizeName[];

/** Every file that results decide, as it should be: the page with the tables in their places, and the plots. */
export function documents(): Map<string, string> {
  let page = readFileSync(PAGE, 'utf8');
  const files = new Map<string, string>();
  const results = new Map(PUBLISHED.map((name) => [name, kept(name)]));
  for (const [name, result] of results) {
    if (!result) continue;
    const drawn = plots(result, SIZES[name].points[0].pixels);
    const pictures = [...drawn.keys()].map((file) => `![${altOf(result, file)}](images/${basename(file)})`);
    page = insertBetweenMarks(page, name, [toMarkdown(result), ...pictures].join('\n\n'));
    for (const [file, svg] of drawn) files.set(pathOf(`../docs/images/${file}`), svg);
  }
  const findings = { sd15: results.get('sd15'), sdxl: results.get('sdxl') };
  page = insertBetweenMarks(page, 'targets', targetTable(findings));
  return files.set(PAGE, page);
}

function kept(name: SizeName): Result | undefined {
  const path = pathOf(`results/${name}.json`);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Result) : undefined;
}

function altOf({ title }: Result, file: string): string {
  return `${file.includes('memory') ? 'Peak memory' : 'Time of a step'} over the batch, ${title}`;
}

export async function writeDocs(): Promise<void> {
  for (const [path, text] of documents()) await writeFileAtomic(path, text);
}
