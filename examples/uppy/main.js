import Uppy from '@uppy/core';
import Tus from '@uppy/tus';

const list = document.querySelector('ul');
const say = (text) => list.append(Object.assign(document.createElement('li'), { textContent: text }));

const uppy = new Uppy({ autoProceed: true })
  .use(Tus, { endpoint: '/files', retryDelays: [0, 1_000, 3_000, 5_000] })
  .on('progress', (percent) => {
    document.querySelector('progress').value = percent;
  })
  .on('upload-success', (file, { uploadURL }) => say(`${file.name} is stored: ${uploadURL}`))
  .on('upload-error', (file, error) => say(`${file.name} failed: ${error.message}`));

document.querySelector('input').addEventListener('change', ({ target }) => {
  uppy.addFiles([...target.files].map((file) => ({ name: file.name, type: file.type, data: file })));
  target.value = '';
});
