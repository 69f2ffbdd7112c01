import { UploadQueueManager } from '@holdfast/client/queue';
import { ChunkUploader, Recorder, UploadProvider, useUploadQueue } from '@holdfast/client/react';
import { StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import '@holdfast/client/react/styles.css';

const queue = new UploadQueueManager({ endpoint: '', target: 'recording' });
const lecture = { asignatura: 'Cardiology', tema: 'Arrhythmias' };

function App() {
  const [result, setResult] = useState(null);
  return (
    <UploadProvider endpoint="" queue={queue}>
      <h1>Send a lecture</h1>
      <ChunkUploader
        accept="audio/*,video/*"
        audioMetadata={{ ...lecture, profesorText: 'Dr. Núñez' }}
        enableCompression
        onComplete={setResult}
      />
      {result && <a href={result.finalUrl}>Stored as recording {result.recordingId}</a>}
      <h2>Or record it</h2>
      <Recorder metadata={{ ...lecture, profesor_text: 'Dr. Núñez' }} />
      <Sent />
    </UploadProvider>
  );
}

function Sent() {
  const { items } = useUploadQueue();
  return (
    <ul>
      {items.map(({ id, filename, status, progress }) => (
        <li key={id}>
          {filename}: {status}, {Math.floor(progress * 100)} %
        </li>
      ))}
    </ul>
  );
}

createRoot(document.getElementById('root')).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
