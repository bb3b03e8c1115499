package podautoscaler

import (
	"context"
	"fmt"
	"math/rand"
	"os"
	"strings"
	"testing"
	"time"

	autoscaling "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	metricsclient "k8s.io/kubernetes/pkg/controller/podautoscaler/metrics"
)

// Answers with what a case says.
type answers struct {
	pods   metricsclient.PodMetricsInfo
	values []int64
}

func (a answers) GetResourceMetric(context.Context, v1.ResourceName, string, labels.Selector, string) (metricsclient.PodMetricsInfo, time.Time, error) {
	return a.pods, time.Now(), nil
}
func (a answers) GetRawMetric(string, string, labels.Selector, labels.Selector) (metricsclient.PodMetricsInfo, time.Time, error) {
	return a.pods, time.Now(), nil
}
func (a answers) GetObjectMetric(string, string, *autoscaling.CrossVersionObjectReference, labels.Selector) (int64, time.Time, error) {
	return a.values[0], time.Now(), nil
}
func (a answers) GetExternalMetric(string, string, labels.Selector) ([]int64, time.Time, error) {
	return a.values, time.Now(), nil
}

func numbers(values []int64) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = fmt.Sprint(v)
	}
	return strings.Join(texts, ",")
}

func letters(r *rand.Rand, n int, letter string, chance float64) string {
	text := make([]byte, n)
	for i := range text {
		text[i] = '-'
		if r.Float64() < chance {
			text[i] = letter[r.Intn(len(letter))]
		}
	}
	return string(text)
}

func TestEmitReplicas(t *testing.T) {
	out, err := os.Create(os.Getenv("EMIT_REPLICAS"))
	if err != nil {
		t.Skip(err)
	}
	defer out.Close()
	r := rand.New(rand.NewSource(1))
	kinds := []string{"Resource/Utilization", "Resource/Utilization", "Resource/AverageValue", "Pods/AverageValue", "Object/Value", "Object/AverageValue", "External/Value", "External/AverageValue"}
	for n := 0; n < 1200; n++ {
		kind := kinds[r.Intn(len(kinds))]
		replicas := 1 + r.Intn(12)
		pods := replicas
		if r.Intn(4) == 0 {
			pods += r.Intn(3)
		}
		trouble := []float64{0, 0, 0.2, 0.5}[r.Intn(4)]
		unready, phases, hot := letters(r, pods, "u", trouble), letters(r, pods, "pfd", trouble/2), letters(r, pods, "h", trouble)
		perPod := !strings.HasPrefix(kind, "Object") && !strings.HasPrefix(kind, "External")
		target := int64(1 + r.Intn(2000))
		if strings.HasSuffix(kind, "Utilization") {
			target = int64(1 + r.Intn(200))
		}
		level := func() int64 { return int64(float64(target) * (0.2 + 1.8*r.Float64()) * []float64{1, 1, 3}[r.Intn(3)]) }
		if strings.HasSuffix(kind, "Utilization") {
			level = func() int64 { return int64(float64(target) * 10 * (0.3 + 1.4*r.Float64())) }
		}
		var levels, requests []int64
		if perPod {
			for i := 0; i < pods-r.Intn(2)*r.Intn(pods+1); i++ {
				levels = append(levels, level())
			}
			for i := 0; i < pods; i++ {
				requests = append(requests, int64(800+r.Intn(400)))
			}
		} else {
			levels = []int64{level() * int64(1+r.Intn(replicas))}
			if strings.HasPrefix(kind, "External") && r.Intn(2) == 0 {
				levels = append(levels, level())
			}
		}
		now := time.Now()
		indexer := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
		metrics := metricsclient.PodMetricsInfo{}
		for i := 0; i < pods; i++ {
			started := now.Add(-3 * time.Minute)
			if hot[i] == 'h' {
				started = now.Add(-2 * time.Second)
			}
			status, changed := v1.ConditionTrue, started.Add(time.Second)
			if unready[i] == 'u' {
				status, changed = v1.ConditionFalse, started
			}
			pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("pod-%d", i), Namespace: "n"}}
			pod.Status.Phase = v1.PodRunning
			switch phases[i] {
			case 'p':
				pod.Status.Phase = v1.PodPending
			case 'f':
				pod.Status.Phase = v1.PodFailed
			case 'd':
				pod.DeletionTimestamp = &metav1.Time{Time: now}
			}
			start := metav1.NewTime(started)
			pod.Status.StartTime = &start
			pod.Status.Conditions = []v1.PodCondition{{Type: v1.PodReady, Status: status, LastTransitionTime: metav1.NewTime(changed)}}
			request := int64(1000)
			if i < len(requests) {
				request = requests[i]
			}
			pod.Spec.Containers = []v1.Container{{Name: "main", Resources: v1.ResourceRequirements{Requests: v1.ResourceList{v1.ResourceCPU: *resource.NewMilliQuantity(request, resource.DecimalSI)}}}}
			indexer.Add(pod)
			if perPod && i < len(levels) {
				metrics[pod.Name] = metricsclient.PodMetric{Timestamp: now, Window: time.Minute, Value: levels[i]}
			}
		}
		c := NewReplicaCalculator(answers{metrics, levels}, corelisters.NewPodLister(indexer), 2*time.Minute, 10*time.Second)
		tolerance := Tolerances{0.1, 0.1}
		var asks int32
		var shows int64
		var e error
		current, all := int32(replicas), labels.Everything()
		switch kind {
		case "Resource/Utilization":
			var percent int32
			asks, percent, _, _, e = c.GetResourceReplicas(context.TODO(), current, int32(target), v1.ResourceCPU, tolerance, "n", all, "")
			shows = int64(percent)
		case "Resource/AverageValue":
			asks, shows, _, e = c.GetRawResourceReplicas(context.TODO(), current, target, v1.ResourceCPU, tolerance, "n", all, "")
		case "Pods/AverageValue":
			asks, shows, _, e = c.GetMetricReplicas(current, target, "qps", tolerance, "n", all, nil)
		case "Object/Value":
			asks, shows, _, e = c.GetObjectMetricReplicas(current, target, "qps", tolerance, "n", &autoscaling.CrossVersionObjectReference{}, all, nil)
		case "Object/AverageValue":
			asks, shows, _, e = c.GetObjectPerPodMetricReplicas(current, target, "qps", tolerance, "n", &autoscaling.CrossVersionObjectReference{}, nil)
		case "External/Value":
			asks, shows, _, e = c.GetExternalMetricReplicas(current, target, "qps", tolerance, "n", nil, all)
		case "External/AverageValue":
			asks, shows, _, e = c.GetExternalPerPodMetricReplicas(current, target, "qps", tolerance, "n", nil)
		}
		line := fmt.Sprintf("metric=%s target=%d replicas=%d", kind, target, replicas)
		if len(levels) > 0 {
			line += " levels=" + numbers(levels)
		}
		if kind == "Resource/Utilization" {
			line += " requests=" + numbers(requests)
		}
		for _, l := range [][2]string{{"unready", unready}, {"phases", phases}, {"hot", hot}} {
			if strings.Trim(l[1], "-") != "" || (l[0] == "phases" && pods > replicas) {
				line += " " + l[0] + "=" + l[1]
			}
		}
		if e != nil {
			fmt.Fprintln(out, line+" asks=error")
		} else {
			fmt.Fprintf(out, "%s asks=%d shows=%d\n", line, asks, shows)
		}
	}
}

func rules(r *rand.Rand) (*autoscaling.HPAScalingRules, string) {
	window := []int32{0, 0, 60, 300}[r.Intn(4)]
	selects := []autoscaling.ScalingPolicySelect{autoscaling.MaxChangePolicySelect, autoscaling.MaxChangePolicySelect, autoscaling.MinChangePolicySelect, autoscaling.DisabledPolicySelect}[r.Intn(4)]
	scaling := &autoscaling.HPAScalingRules{StabilizationWindowSeconds: &window, SelectPolicy: &selects}
	text := fmt.Sprintf("%d/%s", window, selects)
	for i := 0; i <= r.Intn(2); i++ {
		policy := autoscaling.HPAScalingPolicy{Type: autoscaling.PodsScalingPolicy, Value: int32(1 + r.Intn(20)), PeriodSeconds: int32(15 * (1 + r.Intn(8)))}
		if r.Intn(2) == 0 {
			policy.Type, policy.Value = autoscaling.PercentScalingPolicy, int32(1+r.Intn(200))
		}
		scaling.Policies = append(scaling.Policies, policy)
		text += fmt.Sprintf("/%s:%d:%d", policy.Type, policy.Value, policy.PeriodSeconds)
	}
	return scaling, text
}

func TestEmitRules(t *testing.T) {
	out, err := os.Create(os.Getenv("EMIT_RULES"))
	if err != nil {
		t.Skip(err)
	}
	defer out.Close()
	r := rand.New(rand.NewSource(2))
	ago := func(tenths int) time.Time { return time.Now().Add(-time.Duration(tenths) * 100 * time.Millisecond) }
	for n := 0; n < 1200; n++ {
		most := int32(1 + r.Intn(60))
		least := int32(r.Intn(int(most))) + 1
		current := least + int32(r.Intn(int(most-least+1)))
		asked := int32(r.Intn(int(most) + 20))
		a := &HorizontalController{downscaleStabilisationWindow: 5 * time.Minute, recommendations: map[string][]timestampedRecommendation{}, scaleUpEvents: map[string][]timestampedScaleEvent{}, scaleDownEvents: map[string][]timestampedScaleEvent{}}
		line := fmt.Sprintf("min=%d max=%d replicas=%d asked=%d", least, most, current, asked)
		history := func(name string, n int, longest int, add func(value int32, at time.Time)) {
			var texts []string
			for i := 0; i < n; i++ {
				// Half a second away from every whole one, where windows end.
				value, tenths := int32(1+r.Intn(20)), 10*r.Intn(longest)+5
				add(value, ago(tenths))
				texts = append(texts, fmt.Sprintf("%d:%d", value, tenths))
			}
			if n > 0 {
				line += " " + name + "=" + strings.Join(texts, ",")
			}
		}
		history("recommended", 1+r.Intn(5), 400, func(v int32, at time.Time) {
			a.recommendations["k"] = append(a.recommendations["k"], timestampedRecommendation{v, at})
		})
		hpa := &autoscaling.HorizontalPodAutoscaler{}
		hpa.Spec.MaxReplicas = most
		var replicas int32
		if r.Intn(4) == 0 {
			replicas = a.normalizeDesiredReplicas(hpa, "k", current, asked, least)
		} else {
			history("ups", r.Intn(4), 150, func(v int32, at time.Time) {
				a.scaleUpEvents["k"] = append(a.scaleUpEvents["k"], timestampedScaleEvent{v, at, false})
			})
			history("downs", r.Intn(4), 150, func(v int32, at time.Time) {
				a.scaleDownEvents["k"] = append(a.scaleDownEvents["k"], timestampedScaleEvent{v, at, false})
			})
			up, upText := rules(r)
			down, downText := rules(r)
			hpa.Spec.Behavior = &autoscaling.HorizontalPodAutoscalerBehavior{ScaleUp: up, ScaleDown: down}
			line += " up=" + upText + " down=" + downText
			replicas = a.normalizeDesiredReplicasWithBehaviors(hpa, "k", current, asked, least)
		}
		reason, able := "", ""
		for _, c := range hpa.Status.Conditions {
			if c.Type == autoscaling.ScalingLimited {
				reason = c.Reason
			}
			if c.Type == autoscaling.AbleToScale {
				able = c.Reason
			}
		}
		var left []int64
		for _, rec := range a.recommendations["k"] {
			left = append(left, int64(rec.recommendation))
		}
		fmt.Fprintf(out, "%s becomes=%d limited=%s able=%s left=%s\n", line, replicas, reason, able, numbers(left))
	}
}
