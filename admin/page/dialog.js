// Questions before an act, and what came of it.

import {byID, el, problem, setText} from './dom.js';

export const dialogIsOpen = () => byID('dialog').open;

// ask opens the dialog. act is run when the operator agrees; the dialog stays open, with the reason, when it throws.
// body is nodes; the first input in it gets the focus.
export function ask({title, body, ok, danger = false, act}) {
  const dialog = byID('dialog');
  silence();
  setText(byID('dialog-title'), title);
  byID('dialog-body').replaceChildren(...body);
  problem(byID('dialog-problem'), '');
  const button = byID('dialog-ok');
  setText(button, ok ?? '');
  button.hidden = !act;
  button.className = danger ? 'danger' : 'primary';
  setText(byID('dialog-cancel'), act ? 'Cancel' : 'Close');
  button.onclick = () => run(button, act);
  dialog.onkeydown = (event) => {
    if (event.key === 'Enter' && event.target.tagName === 'INPUT') run(button, act);
  };
  dialog.showModal();
  (byID('dialog-body').querySelector('input') ?? byID('dialog-cancel')).focus();
}

async function run(button, act) {
  if (button.disabled) return;
  button.disabled = true;
  problem(byID('dialog-problem'), '');
  try {
    const done = await act();
    byID('dialog').close();
    if (done) tell(done);
  } catch (failure) {
    problem(byID('dialog-problem'), failure.message);
  } finally {
    button.disabled = false;
  }
}

byID('dialog-cancel').addEventListener('click', () => byID('dialog').close());

let fade;

// tell shows the outcome of an act for a while, without moving anything.
export function tell(text) {
  clearTimeout(fade);
  byID('message').hidden = false;
  setText(byID('message-text'), text);
  fade = setTimeout(silence, 12_000);
}

function silence() {
  byID('message').hidden = true;
  setText(byID('message-text'), '');
}

byID('message-close').addEventListener('click', silence);

// field is a labelled input for a dialog.
export function field(label, attributes) {
  const input = el('input', {type: 'text', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', ...attributes});
  return {input, node: el('p', {class: 'field'}, el('label', {for: attributes.id}, label), input)};
}
