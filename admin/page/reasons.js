// What the codes PHI-nnnn mean: the text of docs/errors.md, the same for every installation.

import {get} from './api.js';
import {ask} from './dialog.js';
import {el, prose} from './dom.js';

let faults; // code -> {text, error, sqlstate, culprit, explanation}, once somebody asked

async function explain(code) {
  try {
    faults ??= await get('/explanations.json');
  } catch (failure) {
    return ask({title: code, body: [el('p', {}, failure.message)]});
  }
  const fault = faults[code];
  if (!fault) return ask({title: code, body: [el('p', {}, 'This code is not known to this version.')]});
  ask({title: code, body: [
    el('blockquote', {}, fault.text),
    el('p', {class: 'note'}, `Error ${fault.error}, SQLSTATE ${fault.sqlstate}. Culprit: ${fault.culprit}.`),
    ...fault.explanation.split('\n\n').map((paragraph) => el('p', {}, prose(paragraph))),
  ]});
}

// reason is a code as a button that opens its explanation.
export function reason(code, place) {
  if (!code?.startsWith('PHI-')) return document.createTextNode(code ?? ''); // the server's own number
  return el('button', {type: 'button', class: 'link', 'data-focus': `reason ${place} ${code}`, 'aria-label': `What does ${code} mean?`, click: () => explain(code)}, code);
}
