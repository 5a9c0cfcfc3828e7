/** Prompts and settings that name the subject of a picture set, each row in its way. */
import type { PictureSet, Row } from './experiment.js';

/** In prompts and settings stands {class} for what the set's subject is, and {subject} for what the row calls it. */
export interface SubjectNames {
  readonly class: string;
  readonly subject: string;
}

/** The row's name; the class itself where the row has none of its own. */
export function subjectNames(set: PictureSet, row: Row): SubjectNames {
  const { class: kind = 'subject' } = set;
  return { class: kind, subject: (row.subject ?? kind).replaceAll('{class}', kind) };
}

export function named(text: string, names: SubjectNames): string {
  return text.replaceAll('{class}', names.class).replaceAll('{subject}', names.subject);
}

/** Settings with names in all their texts. */
export function namedSettings(
  settings: Readonly<Record<string, unknown>>,
  names: SubjectNames,
): Record<string, unknown> {
  const entries = Object.entries(settings);
  return Object.fromEntries(
    entries.map(([key, value]) => [key, typeof value === 'string' ? named(value, names) : value]),
  );
}
