import { obtainArtifacts } from "./index";
obtainArtifacts({ only: ["machine"], onProgress: (l) => console.log(new Date().toISOString().slice(11,19), l) }).then((a) => console.log(a.machineImage), (e) => { console.error(e); process.exit(1); });
